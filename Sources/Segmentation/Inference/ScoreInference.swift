import Imaging
import NeuralNet

/// Scores a prepared volume, by slices, or by patches when the model has them; where `input.crop` leaves the network out,
/// scores are 0.
package func scoreVolume(
    of input: Volume<Float>,
    model: ModelPackage,
    memory: VolumeMemory = .ordinary,
    threads: Int,
    progress: (Double) throws -> Void
) throws -> ScoreVolume {
    try scoreVolume(
        of: input,
        network: model.network,
        architecture: model.description.architecture,
        input: model.description.input,
        output: model.description.output,
        memory: memory,
        threads: threads,
        progress: progress
    )
}

/// The same with a network that is still being trained.
package func scoreVolume(
    of volume: Volume<Float>,
    network: Network,
    architecture: Architecture,
    input: InputDescription,
    output: OutputDescription,
    memory: VolumeMemory = .ordinary,
    threads: Int,
    progress: (Double) throws -> Void
) throws -> ScoreVolume {
    let geometry = volume.geometry
    let d = geometry.dimensions
    guard d.i == input.columns, d.j == input.rows else {
        throw SegmentationError.wrongInput(
            message: "slices of \(d.i) x \(d.j), the model wants \(input.columns) x \(input.rows)"
        )
    }
    let first = output.activation == .softmax ? 1 : 0
    let rule = DecisionRule(output)
    let body = { bodyBox(of: volume, threads: threads) }
    if let patch = input.patch {
        let session = try InferenceSession(
            network: network,
            batch: 1,
            extent: input.networkExtent,
            threads: threads
        )
        let (scores, crop) = try SlidingWindow(input: input, patch: patch).scores(
            of: volume,
            session: session,
            firstChannel: first,
            body: body,
            rule: rule,
            memory: memory,
            progress: progress
        )
        return ScoreVolume(geometry: geometry, scores: scores, rule: rule, crop: crop)
    }
    let channels = try network.graph.shapes(extent: input.networkExtent)[network.graph.output].channels
    var scoring = try SliceScoring(
        volume,
        network: network,
        input: input,
        firstChannel: first,
        structures: channels - first,
        memory: memory,
        threads: threads
    )
    // A network that depends on the size of its picture gets no other.
    let multiple = network.graph.isLocal ? architecture.multiple(dimensions: 2) : Axes(height: d.j, width: d.i)
    let crop = try scoring.run(
        cropping: input.crop,
        multiple: multiple,
        geometry: geometry,
        body: body,
        rule: rule,
        progress: progress
    )
    return ScoreVolume(geometry: geometry, scores: scoring.scores, rule: rule, crop: crop)
}

extension ModelPackage {
    /// Numbers in the largest picture that the network makes, with all channels, of what is scored at once.
    package func largestPicture() throws -> Int {
        let shapes = try network.graph.shapes(extent: description.input.networkExtent)
        return (shapes.map(\.count).max() ?? 0) * (description.input.patch == nil ? inferenceBatch : 1)
    }
}
