import Dicom
import Foundation
import Imaging
import NeuralNet
import Pipeline
import Segmentation

extension Benchmark {
    /// Wants a CT of the user's: measured only when it is named.
    static let scores = Benchmark(
        name: "scores",
        work: "the model on a real CT (--ct FOLDER); every eighth slice is compared"
    ) { settings in
        let catalog = ModelCatalog.locate(explicitDirectory: nil)
        let model = try settings.model.map { try ModelPackage(contentsOf: $0) } ?? catalog.package(named: "lungs")
        guard model.description.input.patch == nil else { throw PatchModel(name: model.name) }
        let scan = try SeriesScan(paths: [settings.ct ?? ""], limits: AdmissionLimits())
        guard let stack = scan.stacks.first else { throw CocoaError(.fileReadNoSuchFile) }
        let ct = try loadCTSeries(files: stack.files, threads: settings.threads).volume
        var input = model.description.input
        // What the network is not run on has no score to compare.
        input.crop = .none
        let volume = networkInput(ct: ct, input: input, threads: settings.threads)
        func scored() throws -> ScoreVolume {
            try scoreVolume(
                of: volume,
                network: model.network,
                architecture: model.description.architecture,
                input: input,
                output: model.description.output,
                threads: settings.threads,
                progress: { _ in }
            )
        }
        let extent = Axes(height: input.rows, width: input.columns)
        let slices = volume.geometry.dimensions.k
        return Workload(
            operations: try model.network.graph.convolutionOperations(extent) * Double(slices),
            items: Double(slices),
            run: { _ = try scored() },
            check: {
                let found = try scored()
                let compared = try ScoreComparison(found, volume, model: model, input: input, threads: settings.threads)
                return compared.check
            }
        )
    }
}

/// Scores of a real CT beside those of plain loops in double precision.
private struct ScoreComparison {
    private var slices = 0
    private var pixels = 0
    /// Pixels that another structure has, or none.
    private var changed = 0
    private var difference = 0.0

    init(_ found: ScoreVolume, _ volume: Volume<Float>, model: ModelPackage, input: InputDescription, threads: Int)
        throws
    {
        let reference = ReferenceNetwork(model.network, threads: threads)
        let (stack, extent) = (SliceStack(input: input), volume.geometry.dimensions)
        let plane = extent.i * extent.j
        let first = model.description.output.activation == .softmax ? 1 : 0
        for k in stride(from: 0, to: extent.k, by: 8) {
            var tensor = Tensor(shape: [1, input.channels, extent.j, extent.i])
            tensor.values.withUnsafeMutableBufferPointer {
                stack.write(slice: k, columns: 0..<extent.i, rows: 0..<extent.j, of: volume, into: $0)
            }
            let wanted = try reference.result(of: tensor)
            slices += 1
            for n in 0..<plane {
                func own(_ roi: Int) -> Float { found.scores[roi][k * plane + n] }
                func plain(_ roi: Int) -> Float { Float(wanted[(first + roi) * plane + n]) }
                for roi in found.scores.indices {
                    difference = worst(difference, abs(Double(own(roi)) - wanted[(first + roi) * plane + n]))
                }
                let (label, other) = (
                    found.rule.label(found.scores.count, own), found.rule.label(found.scores.count, plain)
                )
                if label > 0 || other > 0 { pixels += 1 }
                if label != other { changed += 1 }
            }
        }
    }

    var check: ResultCheck {
        ResultCheck(
            reference:
                "plain loops in double precision on \(slices) slices, largest difference of a score, or the share of "
                + "pixels that become others if that is more; \(changed) of \(pixels) pixels of structures are others there",
            error: worst(difference, pixels > 0 ? Double(changed) / Double(pixels) : 0),
            allowed: 1e-4
        )
    }
}

private struct PatchModel: Error, CustomStringConvertible {
    let name: String
    var description: String { "the model \(name) sees patches: scores compares models of slices" }
}
