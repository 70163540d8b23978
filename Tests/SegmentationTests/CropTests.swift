import Foundation
import Imaging
import NeuralNet
import Segmentation
import Testing

/// A network that calls everything above 300 HU an organ looks at single pixels: what it gives is the same in any crop,
/// and known without running it.
@Suite("Cropping to what the network has to see")
struct CropTests {
    static let crop = CropDescription.structures(marginMM: 24, coarseMM: 20)

    static func input(
        _ crop: CropDescription = Self.crop,
        patch: InputDescription.Patch? = nil
    ) -> InputDescription {
        InputDescription(
            columns: 64,
            rows: 48,
            pixelSpacingMM: 6,
            sliceSpacing: patch == nil ? .native : .fixed(millimetres: 5),
            centre: .grid,
            windowHU: ClosedInterval(-1000, 400),
            patch: patch,
            crop: crop
        )
    }

    static let output = OutputDescription(activation: .softmax, emptyMessage: "nothing")

    static func network(dimensions: Int, isLocal: Bool = true) throws -> Network {
        var graph = Graph(inputChannels: 1, dimensions: dimensions)
        let head = graph.add(Convolution(outChannels: 2, kernel: .one), graph.input, name: "head")
        var last = graph.add(Softmax(), head)
        if !isLocal {
            // Cuts nothing here, but would if the picture had another size than it was made for.
            last = graph.add(CentreCrop(), [last, graph.input])
        }
        graph.setOutput(last)
        var network = try Network(graph: graph, seed: 1)
        network.parameters["head.weight"]!.values = [0, 200]
        network.parameters["head.bias"]!.values = [0, -200 * (1300.0 / 1400)]
        return network
    }

    static func scores(
        _ volume: Volume<Float>,
        _ input: InputDescription = Self.input(),
        isLocal: Bool = true,
        threads: Int = 2,
        progress: (Double) throws -> Void = { _ in }
    ) throws -> ScoreVolume {
        try scoreVolume(
            of: volume,
            network: network(dimensions: input.dimensions, isLocal: isLocal),
            architecture: .customUNet(CustomUNet(filters: 4, layers: 2)),
            input: input,
            output: output,
            threads: threads,
            progress: progress
        )
    }

    /// HU on the grid of `input` with some slices of 5 mm.
    static func volume(_ slices: Int, _ hu: (Vector3) -> Float) -> Volume<Float> {
        ToyChest.fill(grid(64, 48, slices, spacing: Vector3(6, 6, 5)), hu)
    }

    /// A body of 240 x 160 mm with an organ of some radius at each height, both around `middle`.
    static func patient(_ p: Vector3, middle: Vector3 = Vector3(10, -6, 0), radius: (Double) -> Double) -> Float {
        let inPlane = Vector3(p.x - middle.x, p.y - middle.y, 0)
        if dot(inPlane, inPlane) < radius(p.z) * abs(radius(p.z)) { return 390 }
        return ToyChest.ellipse(inPlane, Vector3(0, 0, 0), Vector3(120, 80, 1)) ? 40 : -1000
    }

    /// Voxels that a full run calls organ, from the definition of the network.
    static func truth(_ volume: Volume<Float>) -> [Bool] { volume.voxels.map { $0 > 300 } }

    static func found(_ scores: ScoreVolume) -> [Bool] { scores.scores[0].map { $0 > 0.5 } }

    @Test("the region holds the organ with its margin, everything is found, and most voxels are saved")
    func saves() throws {
        let volume = Self.volume(80) { p in Self.patient(p) { abs($0) < 60 ? 36 : -1 } }
        let scores = try Self.scores(volume)
        #expect(Self.found(scores) == Self.truth(volume))
        #expect(scores.crop.wholeGrid == nil && scores.crop.grid == [64, 48, 80])
        // The organ is 72 mm wide around column 33 and row 22, 24 slices high around slice 40.
        let region = scores.crop.region
        #expect(region.columns.lowerBound <= 24 && region.columns.upperBound >= 44 && region.columns.count <= 28)
        #expect(region.rows.lowerBound <= 13 && region.rows.upperBound >= 33 && region.rows.count <= 28)
        #expect(region.slices.lowerBound <= 28 && region.slices.upperBound >= 52 && region.slices.count <= 34)
        #expect(scores.crop.wholeGridVoxels == 64 * 48 * 80)
        #expect(scores.crop.computedVoxels * 4 < scores.crop.wholeGridVoxels)
        // Sides and begin at multiples of what the network pools by.
        for range in [region.columns, region.rows] {
            #expect(range.lowerBound.isMultiple(of: 4) && range.upperBound.isMultiple(of: 4))
        }
    }

    @Test("a crop gives the scores of the whole grid wherever it was computed", arguments: 0..<12)
    func equalsWhole(_ seed: Int) throws {
        var random = SeededRandom(UInt64(seed))
        let middle = Vector3(random.uniform(-110, 110), random.uniform(-70, 70), 0)
        let (height, radius) = (random.uniform(-150, 150), random.uniform(8, 70))
        let (length, slant) = (random.uniform(6, 120), random.uniform(-0.4, 0.4))
        let volume = Self.volume(61) { p in
            let moved = middle + Vector3(1, 1, 0) * (slant * p.z)
            return Self.patient(p, middle: moved) { abs($0 - height) < length ? radius : -1 }
        }
        let (cropped, whole) = try (Self.scores(volume), Self.scores(volume, Self.input(.none)))
        #expect(whole.crop.wholeGrid == .notAsked && whole.crop.computedVoxels == whole.crop.wholeGridVoxels)
        #expect(Self.found(cropped) == Self.found(whole) && Self.found(whole) == Self.truth(volume))
        for (a, b) in zip(cropped.scores[0], whole.scores[0]) where a != 0 { #expect(abs(a - b) < 1e-6) }
    }

    @Test(
        "an organ that is wider between the coarse slices reaches the edge of its crop, and is run again on the whole picture"
    )
    func touches() throws {
        let coarse = CropDescription.structures(marginMM: 24, coarseMM: 60)
        // Coarse slices lie 60 mm apart from the first on; between two of them it flares.
        let volume = Self.volume(61) { p in
            Self.patient(p) { z in abs(z) > 100 ? -1 : abs((z + 150).remainder(dividingBy: 60)) < 12 ? 10 : 66 }
        }
        let scores = try Self.scores(volume, Self.input(coarse))
        // All but the four coarse slices that show it and the slices beside those.
        #expect(scores.crop.wholeGrid == nil && (20...36).contains(scores.crop.widenedSlices))
        #expect(Self.found(scores) == Self.truth(volume))
    }

    @Test("an organ that goes on beyond the slices that show the body")
    func leavesBody() throws {
        // Outside of the body nothing is denser than air for the box, but the network here sees its organ in a window of
        // one pixel that erosion removes.
        let volume = Self.volume(61) { p in
            if abs(p.x - 10) < 4, abs(p.y + 6) < 4 { return 390 }
            return abs(p.z) < 60 ? Self.patient(p) { _ in -1 } : -1000
        }
        let scores = try Self.scores(volume)
        #expect(scores.crop.wholeGrid == .leavesBody && scores.crop.region == GridBox(of: volume.geometry.dimensions))
        #expect(scores.crop.computedVoxels > scores.crop.wholeGridVoxels)
        #expect(Self.found(scores) == Self.truth(volume))
    }

    @Test("where the coarse pass sees nothing the whole grid is run: a short structure between its slices is found")
    func nothingSuspected() throws {
        let short = Self.volume(61) { p in Self.patient(p) { abs($0 - 2) < 4 ? 30 : -1 } }
        let scores = try Self.scores(short)
        #expect(scores.crop.wholeGrid == .nothingSuspected)
        #expect(Self.truth(short).contains(true) && Self.found(scores) == Self.truth(short))
        let none = Self.volume(30) { p in Self.patient(p) { _ in -1 } }
        #expect(try !Self.found(Self.scores(none)).contains(true))
    }

    @Test("a CT of nothing but air is run as a whole and shows nothing", arguments: [1, 2, 40])
    func air(_ slices: Int) throws {
        let scores = try Self.scores(Self.volume(slices) { _ in -1000 })
        #expect(scores.crop.wholeGrid == .noBody && !Self.found(scores).contains(true))
    }

    @Test("a patient at the edge of the picture, and an organ that the picture cuts, are found as without a crop")
    func atTheEdge() throws {
        for middle in [Vector3(150, 0, 0), Vector3(-160, 100, 0), Vector3(0, -130, 0)] {
            let volume = Self.volume(40) { p in Self.patient(p, middle: middle) { $0 > -40 ? 50 : -1 } }
            let scores = try Self.scores(volume)
            // The edge of the picture is no edge of the crop: nothing goes on there that could be seen.
            #expect(scores.crop.wholeGrid == nil && Self.found(scores) == Self.truth(volume))
        }
    }

    @Test("scans of few slices", arguments: 1...5)
    func fewSlices(_ slices: Int) throws {
        let volume = Self.volume(slices) { p in Self.patient(p) { _ in 40 } }
        #expect(try Self.found(Self.scores(volume)) == Self.truth(volume))
    }

    @Test("progress rises to 1, and what it throws ends the work", arguments: [nil, 60.0])
    func progress(_ coarseMM: Double?) throws {
        struct Stop: Error {}
        let crop = coarseMM.map { CropDescription.structures(marginMM: 24, coarseMM: $0) } ?? Self.crop
        let volume = Self.volume(61) { p in
            Self.patient(p) { z in abs(z) > 100 ? -1 : abs((z + 150).remainder(dividingBy: 60)) < 12 ? 10 : 66 }
        }
        var seen: [Double] = []
        _ = try Self.scores(volume, Self.input(crop)) { seen.append($0) }
        #expect(seen == seen.sorted() && seen.last == 1)
        #expect(throws: Stop.self) { _ = try Self.scores(volume, Self.input(crop)) { _ in throw Stop() } }
    }

    @Test("a network that takes statistics over its picture, or cuts by its size, keeps whole pictures")
    func notLocal() throws {
        let volume = Self.volume(80) { p in Self.patient(p) { abs($0) < 60 ? 36 : -1 } }
        let scores = try Self.scores(volume, isLocal: false)
        #expect(scores.crop.region.columns == 0..<64 && scores.crop.region.rows == 0..<48)
        #expect(scores.crop.region.slices.count <= 34 && Self.found(scores) == Self.truth(volume))
        func isLocal(_ architecture: Architecture, dimensions: Int = 2) -> Bool {
            let shape = NetworkShape(
                inputChannels: 1,
                outputChannels: 2,
                activation: .softmax,
                dimensions: dimensions,
                extent: dimensions == 2 ? Axes(height: 64, width: 64) : .cube(32)
            )
            return architecture.graph(shape).isLocal
        }
        #expect(isLocal(.customUNet(CustomUNet(filters: 4, layers: 2))))
        #expect(isLocal(.customUNet(CustomUNet(filters: 4, layers: 2, attention: true))))
        #expect(!isLocal(.vanillaUNet(VanillaUNet(filters: 4, layers: 2))))
        #expect(
            isLocal(.vNet(VNet(filters: 4, layers: 2))) && isLocal(.vNet(VNet(filters: 4, layers: 2, norm: .batch)))
        )
        #expect(!isLocal(.vNet(VNet(filters: 4, layers: 2, norm: .instance))))
        #expect(!isLocal(.plainConvUNet(PlainConvUNet(filters: 8, layers: 2))))
        #expect(isLocal(.plainConvUNet(PlainConvUNet(filters: 8, layers: 2, norm: .batch))))
        #expect(!isLocal(.plainConvUNet(PlainConvUNet(filters: 8, layers: 2, norm: .group))))
    }

    @Test("a crop does not depend on the number of threads")
    func threads() throws {
        for input in [Self.input(), Self.input(patch: .init(columns: 32, rows: 24, slices: 16))] {
            let volume = Self.volume(61) { p in Self.patient(p) { abs($0 - 30) < 50 ? 40 : -1 } }
            let (one, two) = try (Self.scores(volume, input, threads: 1), Self.scores(volume, input, threads: 2))
            #expect(one.scores == two.scores && one.crop == two.crop && one.crop.wholeGrid == nil)
        }
    }

    @Test("windows far from the organ are left out, and those near it give what all of them give", arguments: 0..<8)
    func windows(_ seed: Int) throws {
        var random = SeededRandom(UInt64(100 + seed))
        let middle = Vector3(random.uniform(-60, 60), random.uniform(-50, 50), 0)
        let (height, radius, length) = (random.uniform(-150, 150), random.uniform(8, 60), random.uniform(10, 60))
        let volume = Self.volume(90) { p in
            Self.patient(p, middle: middle) { abs($0 - height) < length ? radius : -1 }
        }
        let patch = InputDescription.Patch(columns: 32, rows: 24, slices: 16)
        let cropped = try Self.scores(volume, Self.input(patch: patch))
        let whole = try Self.scores(volume, Self.input(.none, patch: patch))
        #expect(whole.crop.wholeGrid == .notAsked && whole.crop.computedVoxels == whole.crop.wholeGridVoxels)
        #expect(cropped.crop.wholeGrid == nil && cropped.crop.computedVoxels < whole.crop.computedVoxels)
        #expect(Self.found(cropped) == Self.truth(volume) && Self.found(whole) == Self.truth(volume))
        for (a, b) in zip(cropped.scores[0], whole.scores[0]) where a != 0 { #expect(abs(a - b) < 1e-5) }
    }

    @Test("windows without a patient or without an organ: all are run, or those of the body until nothing is missing")
    func windowsOfNothing() throws {
        let patch = InputDescription.Patch(columns: 32, rows: 24, slices: 16)
        let air = try Self.scores(Self.volume(40) { _ in -1000 }, Self.input(patch: patch))
        #expect(air.crop.wholeGrid == .noBody && air.crop.computedVoxels == air.crop.wholeGridVoxels)
        let empty = try Self.scores(Self.volume(40) { p in Self.patient(p) { _ in -1 } }, Self.input(patch: patch))
        #expect(empty.crop.wholeGrid == .nothingSuspected && empty.crop.computedVoxels == empty.crop.wholeGridVoxels)
        #expect(!Self.found(empty).contains(true) && !Self.found(air).contains(true))
        let short = Self.volume(9) { p in Self.patient(p) { _ in 40 } }
        #expect(try Self.found(Self.scores(short, Self.input(patch: patch))) == Self.truth(short))
    }

    @Test("a trained U-Net contours the same with and without a crop")
    func trained() throws {
        var description = smallRecipe(layers: 2, filters: 8).modelDescription(training: nil)
        description.input.columns = 64
        description.input.rows = 64
        description.input.neighbourSlices = 0
        let ct = ToyChest.ct(grid(64, 64, 60))
        let volume = networkInput(ct: ct, input: description.input, threads: 2)
        let network = try Self.train(description, volume)
        func labels(_ crop: CropDescription) throws -> ScoreVolume {
            description.input.crop = crop
            return try scoreVolume(
                of: volume,
                network: network,
                architecture: description.architecture,
                input: description.input,
                output: description.output,
                threads: 2,
                progress: { _ in }
            )
        }
        let (cropped, whole) = try (labels(.structures(marginMM: 64, coarseMM: 15)), labels(.none))
        #expect(cropped.crop.wholeGrid == nil && cropped.crop.computedVoxels * 2 < cropped.crop.wholeGridVoxels)
        let (a, b) = (cropped.labels(on: ct.geometry, threads: 2), whole.labels(on: ct.geometry, threads: 2))
        let truth = ToyChest.labels(ct.geometry)
        for label in [UInt8(1), 2] {
            func dice(_ a: Volume<UInt8>, _ b: Volume<UInt8>) -> Double {
                let both = zip(a.voxels, b.voxels).count { $0 == label && $1 == label }
                return 2 * Double(both) / Double(a.voxels.count { $0 == label } + b.voxels.count { $0 == label })
            }
            #expect(dice(b, truth) > 0.9, "it has not learned label \(label): \(dice(b, truth))")
            #expect(dice(a, b) > 0.995, "label \(label): \(dice(a, b))")
        }
    }

    /// Eight slices a step, of the toy chest.
    private static func train(_ description: ModelDescription, _ volume: Volume<Float>) throws -> Network {
        let labels = ToyChest.labels(volume.geometry)
        let plane = volume.geometry.dimensions.i * volume.geometry.dimensions.j
        let session = try TrainingSession(
            network: Network(graph: description.graph, seed: 4),
            batch: 8,
            extent: description.input.networkExtent,
            loss: .diceAndCrossEntropy(smooth: 1, reduction: .perClass),
            optimizer: .adam(Adam(learningRate: 3e-3)),
            seed: 1,
            threads: 2
        )
        for step in 0..<160 {
            var input = Tensor(shape: [8, 1, 64, 64])
            var target = Tensor(shape: [8, 3, 64, 64])
            for sample in 0..<8 {
                let slice = (step * 8 + sample) * 7 % volume.geometry.dimensions.k
                for n in 0..<plane {
                    let voxel = slice * plane + n
                    input.values[sample * plane + n] = (min(max(volume.voxels[voxel], -1000), 400) + 1000) / 1400
                    target.values[(3 * sample + Int(labels.voxels[voxel])) * plane + n] = 1
                }
            }
            _ = try session.step(input: input, target: target)
        }
        return try session.network
    }

    @Test("model.json may ask for a crop, for none, or say nothing and get the default")
    func description() throws {
        var description = smallRecipe().modelDescription(training: nil)
        let text = try String(decoding: StrictJSON.encode(description), as: UTF8.self)
        func decoded(_ crop: String) throws -> CropDescription {
            let pattern = #/"crop" : \{[^}]*\},/#
            let changed = text.replacing(pattern, with: crop)
            #expect(changed != text)
            let data = Data(changed.utf8)
            return try StrictJSON.decode(ModelDescription.self, from: data).input.crop
        }
        #expect(try decoded("") == .standard)
        #expect(try decoded(#""crop" : "none","#) == .none)
        #expect(
            try decoded(#""crop" : {"marginMM": 20, "coarseMM": 5},"#) == .structures(marginMM: 20, coarseMM: 5)
        )
        for wrong in [#""crop" : "all","#, #""crop" : {"marginMM": 20},"#, #""crop" : 5,"#] {
            #expect(throws: StrictJSON.Problem.self) { try decoded(wrong) }
        }
        #expect {
            try decoded(#""crop" : {"marginMM": 20, "coarseMM": 5, "depth": 1},"#)
        } throws: { error in
            (error as? StrictJSON.Problem)?.key == "input.crop.depth"
        }
        for crop in [CropDescription.none, .structures(marginMM: 7, coarseMM: 3)] {
            description.input.crop = crop
            #expect(try StrictJSON.decode(ModelDescription.self, from: StrictJSON.encode(description)) == description)
        }
        description.input.crop = .structures(marginMM: -1, coarseMM: 3)
        #expect(description.firstProblem()?.key == "input.crop.marginMM")
        description.input.crop = .structures(marginMM: 1, coarseMM: 0)
        #expect(description.firstProblem()?.key == "input.crop.coarseMM")
        // A recipe changes one length, or turns it off.
        let one = try TrainingConfiguration(from: Data(#"{"input": {"crop": {"marginMM": 50}}}"#.utf8))
        #expect(one.input.crop == .structures(marginMM: 50, coarseMM: 10))
        let off = try TrainingConfiguration(from: Data(#"{"input": {"crop": "none"}}"#.utf8))
        #expect(off.input.crop == .none)
    }
}
