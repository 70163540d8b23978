import Foundation
import Imaging
import NeuralNet
import Segmentation
import Testing

@Suite("Networks of patches")
struct SlidingWindowTests {
    static func input(_ patch: InputDescription.Patch, columns: Int = 32, rows: Int = 32) -> InputDescription {
        InputDescription(
            columns: columns,
            rows: rows,
            pixelSpacingMM: 8,
            sliceSpacing: .fixed(millimetres: 6),
            centre: .grid,
            windowHU: ClosedInterval(-1000, 400),
            patch: patch
        )
    }

    @Test("windows cover an axis evenly, as nnU-Net lays them")
    func starts() {
        // The example in nnU-Net's own documentation: 110 voxels, patches of 64, half overlapping.
        #expect(SlidingWindow.starts(length: 110, patch: 64, overlap: 0.5) == [0, 23, 46])
        #expect(SlidingWindow.starts(length: 64, patch: 64, overlap: 0.5) == [0])
        #expect(SlidingWindow.starts(length: 20, patch: 32, overlap: 0.5) == [-6])
        for (length, patch, overlap) in [(33, 32, 0.5), (100, 16, 0.0), (47, 8, 0.9), (65, 64, 0.25)] {
            let starts = SlidingWindow.starts(length: length, patch: patch, overlap: overlap)
            #expect(starts.first == 0 && starts.last == length - patch)
            let longest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0
            // Rounding to whole voxels may add one.
            #expect(longest <= max(1, Int((Double(patch) * (1 - overlap)).rounded(.up)) + 1))
            #expect(Set(starts.flatMap { $0..<$0 + patch }) == Set(0..<length))
        }
        let weights = SlidingWindow.weights(patch: 16)
        #expect(weights == weights.reversed() && weights.max() == weights[7] && weights.allSatisfy { $0 > 0 })
        #expect(abs(weights[0] / weights[7] - exp(Float(-(7.5 * 7.5 - 0.5 * 0.5) / 8))) < 1e-6)
    }

    @Test(
        "a network that looks at single voxels gives the same on patches as on the whole, however few slices there are",
        arguments: [1, 5, 8, 19]
    )
    func voxelwise(_ slices: Int) throws {
        let patch = InputDescription.Patch(columns: 8, rows: 12, slices: 8)
        var graph = Graph(inputChannels: 1, dimensions: 3)
        _ = graph.add(Softmax(), graph.add(Convolution(outChannels: 2, kernel: .one), graph.input, name: "head"))
        var network = try Network(graph: graph, seed: 1)
        network.parameters["head.weight"]!.values = [0, 3]
        network.parameters["head.bias"]!.values = [0, -1]
        let volume = Volume(
            geometry: grid(21, 17, slices),
            voxels: (0..<21 * 17 * slices).map { Float($0 * 7919 % 2200) - 1200 }
        )
        let session = try InferenceSession(
            network: network,
            batch: 1,
            extent: Axes(depth: 8, height: 12, width: 8),
            threads: 2
        )
        var progress: [Double] = []
        let scores = try SlidingWindow(input: Self.input(patch), patch: patch).scores(
            of: volume,
            session: session,
            firstChannel: 1,
            body: { nil },
            rule: DecisionRule(OutputDescription(activation: .softmax, emptyMessage: ""))
        ) { progress.append($0) }.scores
        #expect(scores.count == 1 && progress.last == 1 && progress == progress.sorted())
        for (score, hu) in zip(scores[0], volume.voxels) {
            let scaled = (min(max(hu, -1000), 400) + 1000) / 1400
            #expect(abs(score - 1 / (1 + exp(-(3 * scaled - 1)))) < 1e-5)
        }
    }

    @Test("patches must fit the network, the grid and each other")
    func validation() throws {
        func problem(_ change: (inout ModelDescription) -> Void) -> String? {
            var description = smallRecipe().modelDescription(training: nil)
            description.architecture = .plainConvUNet(PlainConvUNet(filters: 4, layers: 2))
            description.input = Self.input(InputDescription.Patch(columns: 16, rows: 16, slices: 16))
            change(&description)
            return description.firstProblem()?.key
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.input.patch?.columns = 18 } == "input.patch.columns")
        #expect(problem { $0.input.patch?.rows = 48 } == "input.patch.rows")
        #expect(problem { $0.input.patch?.slices = 0 } == "input.patch.slices")
        #expect(problem { $0.input.patch?.overlap = 1 } == "input.patch.overlap")
        #expect(problem { $0.input.neighbourSlices = 1 } == "input.neighbourSlices")
        #expect(problem { $0.input.sliceSpacing = .native } == "input.sliceSpacing")
        #expect(problem { $0.architecture = .vanillaUNet(VanillaUNet()) } == "architecture.kind")
        #expect(
            problem { $0.architecture = .plainConvUNet(PlainConvUNet(layers: 2, strides: [[2, 2], [2, 2]])) }
                == "architecture.strides"
        )
        #expect(problem { $0.architecture = .vNet(VNet(kernel: 4)) } == "architecture.kernel")
    }

    @Test("model.json of every kind is read as it was written, and a key of another kind is refused")
    func roundTrip() throws {
        for kind in Architecture.Kind.allCases {
            var description = smallRecipe().modelDescription(training: nil)
            description.architecture = Architecture(kind)
            let json = try StrictJSON.encode(description)
            #expect(try StrictJSON.decode(ModelDescription.self, from: json) == description)
            let text = String(decoding: json, as: UTF8.self)
            let stranger = text.replacingOccurrences(of: "\"filters\"", with: "\"depth\" : 3,\n    \"filters\"")
            #expect {
                try StrictJSON.decode(ModelDescription.self, from: Data(stranger.utf8))
            } throws: { error in
                (error as? StrictJSON.Problem)?.key == "architecture.depth"
            }
        }
        // A recipe that changes the kind gets that kind's defaults, not leftovers of the other.
        let recipe = try TrainingConfiguration(
            from: Data(#"{"architecture": {"kind": "v_net", "layers": 3}, "input": {"columns": 64, "rows": 64}}"#.utf8)
        )
        #expect(recipe.architecture == .vNet(VNet(layers: 3)))
    }

    @Test("a network of three dimensions learns the toy chest, and its package contours a CT of another grid")
    func learns() throws {
        let folder = try TemporaryFolder()
        var recipe = smallRecipe()
        recipe.architecture = .plainConvUNet(PlainConvUNet(filters: 6, layers: 2))
        let patch = InputDescription.Patch(columns: 32, rows: 32, slices: 16)
        recipe.input = Self.input(patch)
        let description = recipe.modelDescription(training: nil)
        let network = try Self.train(description, patch, steps: 40)
        try writePackage(description, network, to: folder.path + "/model")
        let model = try ModelPackage(contentsOf: folder.path + "/model")
        try expectContours(of: model)
    }

    /// Two patches a step, the lower and the upper part of one chest on the model's grid.
    private static func train(
        _ description: ModelDescription,
        _ patch: InputDescription.Patch,
        steps: Int
    ) throws -> Network {
        let ct = ToyChest.ct(grid(40, 36, 24, spacing: Vector3(7, 7, 6)))
        let volume = networkInput(ct: ct, input: description.input, threads: 2)
        let labels = ToyChest.labels(volume.geometry)
        let plane = patch.columns * patch.rows
        let size = plane * patch.slices
        var input = Tensor(shape: [2, 1, patch.slices, patch.rows, patch.columns])
        var target = Tensor(shape: [2, 3, patch.slices, patch.rows, patch.columns])
        for (sample, first) in [0, volume.geometry.dimensions.k - patch.slices].enumerated() {
            for n in 0..<size {
                let voxel = first * plane + n
                input.values[sample * size + n] = (min(max(volume.voxels[voxel], -1000), 400) + 1000) / 1400
                target.values[(3 * sample + Int(labels.voxels[voxel])) * size + n] = 1
            }
        }
        let session = try TrainingSession(
            network: Network(graph: description.graph, seed: 4),
            batch: 2,
            extent: description.input.networkExtent,
            loss: .diceAndCrossEntropy(smooth: 1, reduction: .perClass),
            optimizer: .adam(Adam(learningRate: 1e-2)),
            seed: 1,
            threads: 2
        )
        for _ in 0..<steps { _ = try session.step(input: input, target: target) }
        return try session.network
    }
}
