import Imaging
import NeuralNet

/// Slices that the network scores at once: enough to keep its kernels busy, few enough to need little memory.
private let inferenceBatch = 4

/// Scores every voxel of a prepared volume: by slices, or by patches when the model has them.
package func scoreVolume(
    of input: Volume<Float>,
    model: ModelPackage,
    threads: Int,
    progress: (Double) throws -> Void
) throws -> ScoreVolume {
    try scoreVolume(
        of: input,
        network: model.network,
        input: model.description.input,
        output: model.description.output,
        threads: threads,
        progress: progress
    )
}

/// The same with a network that is still being trained.
func scoreVolume(
    of volume: Volume<Float>,
    network: Network,
    input: InputDescription,
    output: OutputDescription,
    threads: Int,
    progress: (Double) throws -> Void
) throws -> ScoreVolume {
    let d = volume.geometry.dimensions
    guard d.i == input.columns, d.j == input.rows else {
        throw SegmentationError.wrongInput(
            message: "slices of \(d.i) x \(d.j), the model wants \(input.columns) x \(input.rows)"
        )
    }
    let first = output.activation == .softmax ? 1 : 0
    let session = try InferenceSession(
        network: network,
        batch: input.patch == nil ? inferenceBatch : 1,
        extent: input.networkExtent,
        threads: threads
    )
    let scores =
        if let patch = input.patch {
            try SlidingWindow(input: input, patch: patch).scores(
                of: volume,
                session: session,
                firstChannel: first,
                progress: progress
            )
        } else {
            try sliceScores(of: volume, input, session: session, firstChannel: first, progress: progress)
        }
    return ScoreVolume(geometry: volume.geometry, scores: scores, rule: DecisionRule(output))
}

/// Slice by slice, a few at a time.
private func sliceScores(
    of volume: Volume<Float>,
    _ input: InputDescription,
    session: InferenceSession,
    firstChannel first: Int,
    progress: (Double) throws -> Void
) throws -> [[Float]] {
    let d = volume.geometry.dimensions
    let channels = session.outputShape.channels
    let plane = volume.geometry.planeCount
    var scores = [[Float]](repeating: [Float](repeating: 0, count: d.voxelCount), count: channels - first)
    var batch = Tensor(shape: [inferenceBatch, input.channels, d.j, d.i])
    let stack = SliceStack(input: input)
    for start in stride(from: 0, to: d.k, by: inferenceBatch) {
        let slices = start..<min(start + inferenceBatch, d.k)
        batch.values.withUnsafeMutableBufferPointer { values in
            let size = input.channels * plane
            for (place, k) in slices.enumerated() {
                stack.write(
                    slice: k,
                    of: volume,
                    into: UnsafeMutableBufferPointer(rebasing: values[(place * size)..<((place + 1) * size)])
                )
            }
        }
        // Places of the last batch that hold slices of the one before are computed and not read.
        let result = session.run(batch)
        for (place, k) in slices.enumerated() {
            for channel in first..<channels {
                let from = (place * channels + channel) * plane
                scores[channel - first].replaceSubrange(
                    (k * plane)..<((k + 1) * plane),
                    with: result.values[from..<(from + plane)]
                )
            }
        }
        try progress(Double(slices.upperBound) / Double(d.k))
    }
    return scores
}
