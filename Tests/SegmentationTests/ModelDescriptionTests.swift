import Foundation
import NeuralNet
import Platform
import Segmentation
import Testing

@Suite("model.json")
struct ModelDescriptionTests {
    static let description = smallRecipe().modelDescription(training: nil)

    static func json(_ change: (inout [String: Any]) -> Void) throws -> Data {
        let data = try StrictJSON.encode(description)
        var object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        change(&object)
        return try JSONSerialization.data(withJSONObject: object)
    }

    static func problem(_ change: (inout [String: Any]) -> Void) throws -> (key: String, message: String)? {
        do {
            _ = try ModelPackage.description(from: json(change), path: "model.json")
            return nil
        } catch SegmentationError.invalidModel(_, let key, let message) {
            return (key, message)
        }
    }

    @Test("what is written is read back, byte for byte")
    func roundTrip() throws {
        let data = try StrictJSON.encode(Self.description)
        let again = try ModelPackage.description(from: data, path: "model.json")
        #expect(again == Self.description)
        #expect(try StrictJSON.encode(again) == data)
    }

    @Test("the three ways to say a slice spacing")
    func sliceSpacing() throws {
        for (text, expected) in [
            ("\"native\"", SliceSpacing.native), ("{\"nativeUpToMM\": 2}", .nativeUpTo(millimetres: 2)),
            ("3", .fixed(millimetres: 3)),
        ] {
            #expect(try JSONDecoder().decode(SliceSpacing.self, from: Data(text.utf8)) == expected)
        }
        #expect(throws: (any Error).self) { try JSONDecoder().decode(SliceSpacing.self, from: Data("\"thin\"".utf8)) }
    }

    @Test("a mistyped key is named with its path")
    func unknownKey() throws {
        let problem = try Self.problem {
            var rois = $0["rois"] as! [[String: Any]]
            rois[1]["colour"] = [1, 2, 3]
            $0["rois"] = rois
        }
        #expect(problem?.key == "rois[1].colour")
        #expect(problem?.message == "unknown key")
    }

    @Test("a missing key is named with its path")
    func missingKey() throws {
        let problem = try Self.problem {
            var input = $0["input"] as! [String: Any]
            input["rows"] = nil
            $0["input"] = input
        }
        #expect(problem?.key == "input.rows")
    }

    @Test("another schema version is refused in words")
    func schemaVersion() throws {
        let problem = try Self.problem { $0["schemaVersion"] = 2 }
        #expect(problem?.key == "schemaVersion")
        #expect(problem?.message == "version 2 is given, this software reads version 1")
    }

    @Test("sides that the poolings do not divide are refused")
    func sides() throws {
        let problem = try Self.problem {
            var input = $0["input"] as! [String: Any]
            input["columns"] = 34
            $0["input"] = input
        }
        #expect(problem?.key == "input.columns")
    }

    @Test("names, labels and unions must be consistent")
    func rois() throws {
        func change(_ index: Int, _ key: String, _ value: Any) throws -> String? {
            try Self.problem {
                var rois = $0["rois"] as! [[String: Any]]
                rois[index][key] = value
                $0["rois"] = rois
            }?.key
        }
        #expect(try change(0, "label", 3) == "rois[0].label")
        #expect(try change(0, "name", "Lung_R") == "rois")
        #expect(try change(1, "name", "a/b") == "rois[1].name")
        #expect(try change(1, "name", "LungRightLowerLobe") == "rois[1].name")
        #expect(try change(1, "color", [1, 2, 256]) == "rois[1].color")
        let union = try Self.problem {
            var derived = $0["derivedROIs"] as! [[String: Any]]
            derived[0]["union"] = ["Lung_L", "Heart"]
            $0["derivedROIs"] = derived
        }
        #expect(union?.key == "derivedROIs[0].union")
    }

    @Test("limits of the uncertain edge and of pockets of air are numbers in their range, and may be left out")
    func limits() throws {
        func problem(_ key: String, _ limit: Double?) throws -> String? {
            try Self.problem {
                var rois = $0["rois"] as! [[String: Any]]
                var plausibility = rois[1]["plausibility"] as! [String: Any]
                plausibility[key] = limit
                rois[1]["plausibility"] = plausibility
                $0["rois"] = rois
            }?.key
        }
        for (key, good, bad) in [
            ("maximumEdgeUncertaintyMM", [0.4, 3], [-0.5, 0]),
            ("maximumAirPocketFraction", [0, 0.03, 1], [-0.1, 1.1]),
            ("maximumAirPocketFractionWithoutEmphysema", [0, 0.01, 1], [-0.1, 1.1]),
        ] {
            #expect(try problem(key, nil) == nil)
            for limit in good { #expect(try problem(key, limit) == nil) }
            for limit in bad { #expect(try problem(key, limit) == "rois[1].plausibility.\(key)") }
        }
    }

    @Test(
        "a range of acceptance that nothing fits, and codes and types that DICOM cannot hold, are refused with their key"
    )
    func meaninglessROIs() throws {
        func change(_ change: (inout ROIDescription) -> Void) -> String? {
            var description = Self.description
            change(&description.rois[1])
            return description.firstProblem()?.key
        }
        #expect(change { _ in } == nil)
        #expect(change { $0.acceptance.meanHU = ClosedInterval(500, -500) } == "rois[1].acceptance.meanHU")
        #expect(change { $0.codes.type.value = "" } == "rois[1].codes.type.value")
        #expect(change { $0.codes.category.scheme = " " } == "rois[1].codes.category.scheme")
        #expect(change { $0.codes.modifier?.meaning = "" } == "rois[1].codes.modifier.meaning")
        #expect(change { $0.codes.type.value = "12345678901234567" } == "rois[1].codes.type.value")
        #expect(change { $0.interpretedType = "nonsense" } == "rois[1].interpretedType")
        #expect(change { $0.interpretedType = "BRACHY_ACCESSORY" } == nil)
    }

    @Test("a key that is there twice is refused with its path, however it is written")
    func repeatedKeys() throws {
        let once = String(decoding: try StrictJSON.encode(Self.description), as: UTF8.self)
        func key(_ change: (String) -> String) -> String? {
            do {
                _ = try ModelPackage.description(from: Data(change(once).utf8), path: "model.json")
                return nil
            } catch {
                guard case .invalidModel(_, let key, _) = error else { return "another error" }
                return key
            }
        }
        #expect(key { $0 } == nil)
        #expect(key { $0.replacing("\"version\" :", with: "\"version\": \"9\", \"version\":") } == "version")
        #expect(key { $0.replacing("\"version\" :", with: "\"v\\u0065rsion\": \"9\", \"version\":") } == "version")
        let label = #/"label" : 2/#
        #expect(key { $0.replacing(label) { _ in "\"label\": 2, \"label\" : 2" } } == "rois[1].label")
        // Texts that look like keys, and the same key in other objects.
        #expect(key { $0.replacing(#/"summary" : "[^"]*"/#) { _ in #""summary": "\"name\": {[ \\\\""# } } == nil)
    }

    @Test("text that is no JSON is refused")
    func noJSON() {
        #expect(throws: SegmentationError.self) {
            try ModelPackage.description(from: Data("model".utf8), path: "model.json")
        }
    }
}

@Suite("Model packages")
struct ModelPackageTests {
    @Test("weights that are not those whose digest model.json holds are refused, though they are numbers")
    func damagedWeights() throws {
        let folder = try TemporaryFolder()
        var description = ModelDescriptionTests.description
        let network = try Network(graph: description.graph, seed: 1)
        description.weightsDigest = SHA256Digest.hex(of: try network.safetensors())
        try writePackage(description, network, to: folder.path + "/a")
        #expect(try ModelPackage(contentsOf: folder.path + "/a").description == description)
        try writePackage(description, Network(graph: description.graph, seed: 2), to: folder.path + "/b")
        #expect(throws: SegmentationError.damagedWeights(path: folder.path + "/b/weights.safetensors")) {
            try ModelPackage(contentsOf: folder.path + "/b")
        }
    }

    @Test("a package is read, and its digest follows its bytes")
    func reading() throws {
        let folder = try TemporaryFolder()
        let description = ModelDescriptionTests.description
        try writePackage(description, Network(graph: description.graph, seed: 1), to: folder.path + "/a")
        try writePackage(description, Network(graph: description.graph, seed: 1), to: folder.path + "/b")
        try writePackage(description, Network(graph: description.graph, seed: 2), to: folder.path + "/c")
        let packages = try ["a", "b", "c"].map { try ModelPackage(contentsOf: folder.path + "/" + $0) }
        #expect(packages[0].digest == packages[1].digest)
        #expect(packages[0].digest != packages[2].digest)
        #expect(packages[0].digest.count == 64)
        #expect(packages[0].description == description)
    }

    @Test("weights of another architecture are refused with the tensor's name")
    func otherWeights() throws {
        let folder = try TemporaryFolder()
        let other = smallRecipe(filters: 6).modelDescription(training: nil)
        try writePackage(ModelDescriptionTests.description, Network(graph: other.graph, seed: 1), to: folder.path)
        #expect(throws: SegmentationError.self) { try ModelPackage(contentsOf: folder.path) }
    }

    @Test("a folder without weights is no package")
    func missing() throws {
        let folder = try TemporaryFolder()
        #expect(throws: SegmentationError.missingFile(path: folder.path + "/model.json")) {
            try ModelPackage(contentsOf: folder.path)
        }
    }

    @Test("the catalog lists packages and says where it looked for one that is not there")
    func catalog() throws {
        let folder = try TemporaryFolder()
        let description = ModelDescriptionTests.description
        try writePackage(description, Network(graph: description.graph, seed: 1), to: folder.path + "/models/lungs")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/models/empty",
            withIntermediateDirectories: true
        )
        let catalog = ModelCatalog.locate(explicitDirectory: folder.path + "/models", environment: [:])
        #expect(catalog.names() == ["lungs"])
        #expect(try catalog.package(named: "lungs").name == "small")
        #expect(throws: SegmentationError.modelNotFound(name: "heart", searched: [folder.path + "/models"])) {
            try catalog.package(named: "heart")
        }
    }

    @Test("models are found beside an installed program and from a build folder")
    func locate() throws {
        let folder = try TemporaryFolder()
        let models = folder.path + "/usr/share/contourd/models"
        let sources = folder.path + "/tree/Sources/Models"
        for directory in [models, sources] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        func found(_ executable: String, _ environment: [String: String] = [:]) -> [String] {
            ModelCatalog.locate(
                explicitDirectory: nil,
                environment: environment,
                executable: folder.path + executable
            ).searchPath
        }
        #expect(found("/usr/bin/contourd").contains(models))
        #expect(found("/tree/.build/release/contourd").contains(sources))
        #expect(found("/usr/bin/contourd", ["CONTOURD_MODELS": "/opt/models"]) == ["/opt/models"])
    }
}

@Suite("custom_unet")
struct UNetBuilderTests {
    /// The layers of Keras-Unet's `custom_unet`, counted without our builder.
    static func parameterCount(_ a: CustomUNet, inputs: Int, outputs: Int) -> Int {
        func block(_ from: Int, _ to: Int) -> Int {
            let extra = a.batchNorm ? 2 * to : to
            return from * to * 9 + extra + to * to * 9 + extra
        }
        var count = 0
        var channels = inputs
        for level in 0..<a.layers {
            count += block(channels, a.filters << level)
            channels = a.filters << level
        }
        count += block(channels, a.filters << a.layers)
        channels = a.filters << a.layers
        for level in (0..<a.layers).reversed() {
            let filters = a.filters << level
            let upsampled = a.upsampling == .deconv ? filters : channels
            if a.upsampling == .deconv { count += channels * filters * 4 + filters }
            count += block(upsampled + filters, filters)
            channels = filters
        }
        return count + channels * outputs + outputs
    }

    @Test(
        "every option builds the network that Keras-Unet builds",
        arguments: [
            CustomUNet(filters: 4, layers: 4), CustomUNet(filters: 6, layers: 2, batchNorm: false),
            CustomUNet(filters: 4, layers: 3, dropout: 0.2, dropoutChangePerLayer: 0.1, dropoutType: .standard),
            CustomUNet(filters: 4, layers: 2, dropout: 0, upsampling: .simple),
            CustomUNet(filters: 4, layers: 2, dropout: 0.1, dropoutOnUpsampling: true),
        ]
    )
    func options(_ options: CustomUNet) throws {
        let graph = Architecture.customUNet(options).graph(Self.shape(inputs: 3, outputs: 2))
        let network = try Network(graph: graph, seed: 1)
        #expect(network.parameterCount == Self.parameterCount(options, inputs: 3, outputs: 2))
        let shapes = try graph.shapes(height: 64, width: 32)
        #expect(shapes.last == FeatureShape(channels: 2, height: 64, width: 32))
    }

    static func shape(inputs: Int, outputs: Int) -> NetworkShape {
        NetworkShape(
            inputChannels: inputs,
            outputChannels: outputs,
            activation: .sigmoid,
            extent: Axes(height: 64, width: 32)
        )
    }

    @Test("dropout stands where it was asked for, with the rate of its level")
    func dropout() {
        func rates(_ options: CustomUNet) -> [String: Float] {
            let graph = Architecture.customUNet(options).graph(Self.shape(inputs: 1, outputs: 1))
            return graph.nodes.reduce(into: [:]) { result, node in
                if let dropout = node.operation as? Dropout { result[node.name] = dropout.rate }
            }
        }
        let plain = CustomUNet(filters: 4, layers: 2, dropout: 0.25, dropoutChangePerLayer: 0.125)
        #expect(
            rates(plain) == ["encoder.0.dropout": 0.25, "encoder.1.dropout": 0.375, "bottleneck.dropout": 0.5]
        )
        var upwards = plain
        upwards.dropoutOnUpsampling = true
        #expect(rates(upwards)["decoder.0.dropout"] == 0.25)
        #expect(rates(upwards)["decoder.1.dropout"] == 0.375)
    }
}
