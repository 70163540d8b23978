import Foundation
import Imaging
import Nifti
import Phantom
import Pipeline
import Segmentation
import Testing

private let rois = TrainingConfiguration.lungs.rois

private func grid(_ origin: Double = 0) -> VolumeGeometry {
    VolumeGeometry(
        dimensions: Dimensions(i: 8, j: 8, k: 4),
        origin: PatientPoint(x: origin, y: 0, z: 0),
        spacing: Vector3(2, 2, 3),
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: ""
    )
}

extension Folder {
    /// Air, or something else, and tissue by turns.
    fileprivate func image(_ name: String, value: Float = -800, tissue: Float = 40) throws {
        try prepare(name)
        let voxels = (0..<grid().dimensions.voxelCount).map { $0 % 2 == 0 ? value : tissue }
        try NiftiFile.write(Volume<Float>(geometry: grid(), voxels: voxels), to: file(name))
    }

    /// A mask with the voxels given set to a value.
    fileprivate func mask(_ name: String, _ voxels: [Int], value: UInt8 = 1, origin: Double = 0) throws {
        try prepare(name)
        var mask = Volume<UInt8>(geometry: grid(origin), repeating: 0)
        for n in voxels { mask.voxels[n] = value }
        try NiftiFile.write(mask, to: file(name))
    }

    /// Takes sform and qform away from a file that is not compressed.
    fileprivate func forgetPlace(_ name: String) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: file(name)))
        data.replaceSubrange(252..<256, with: [0, 0, 0, 0])
        try data.write(to: URL(fileURLWithPath: file(name)))
    }

    fileprivate func prepare(_ name: String) throws {
        let parent = URL(fileURLWithPath: file(name)).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    }

    fileprivate func move(_ from: String, _ to: String) throws {
        try prepare(to)
        try FileManager.default.moveItem(atPath: file(from), toPath: file(to))
    }

    /// A patient as TCIA delivers LCTSC: patient, study, one folder for each series.
    fileprivate func patient(_ name: String, seed: UInt64, below root: String) throws {
        try SmallPhantom.write(seed, to: file("made"))
        let study = "\(root)/\(name)/11-16-2003-NA-RTRCCTTHORAX8FLow Adult-39664"
        try move("made/ct", "\(study)/0.000000-NA-58160")
        try move("made/truth/rtstruct.dcm", "\(study)/1.000000-.simplified-62948/1-1.dcm")
        try FileManager.default.removeItem(atPath: file("made"))
    }

    fileprivate func link(_ name: String, to target: String) throws {
        try prepare(name)
        try FileManager.default.createSymbolicLink(atPath: file(name), withDestinationPath: target)
    }
}

@Suite("Layouts of training data")
struct TrainingLayoutTests {
    private func find(_ folder: Folder, _ name: String = "data") throws -> TrainingCases {
        try findTrainingCases(in: [folder.file(name)], labels: nil, rois: rois)
    }

    @Test("LCTSC as TCIA delivers it: cases are called after patients, from whatever folder above them")
    func lctsc() throws {
        let folder = try Folder()
        for (name, seed) in [("LCTSC-Train-S1-001", UInt64(1)), ("LCTSC-Train-S1-002", 2)] {
            try folder.patient(name, seed: seed, below: "data/manifest-1557326747206/LCTSC")
        }
        for root in ["data", "data/manifest-1557326747206", "data/manifest-1557326747206/LCTSC"] {
            let found = try find(folder, root)
            #expect(found.sources.map(\.name) == ["LCTSC-Train-S1-001", "LCTSC-Train-S1-002"])
            #expect(found.skipped.isEmpty)
            // Two structures of seven are the recipe's.
            #expect(found.unmatchedNames["Heart"] == 2 && found.unmatchedNames.count == 5)
            #expect(Set(found.sources.map(\.patient)).count == 2)
        }
        let loaded = try #require(find(folder).sources.first).load()
        let phantom = generatePhantom(
            seed: 1,
            scan: PhantomScan(geometry: phantomGeometry(try SmallPhantom.request(1)), noiseHU: 10),
            threads: 2
        )
        for (label, name) in [(UInt8(1), "Lung_L"), (2, "Lung_R")] {
            let truth = try #require(phantom.mask(of: name)).voxels
            #expect(loaded.labels.voxels.indices.allSatisfy { (loaded.labels.voxels[$0] == label) == (truth[$0] == 1) })
        }
    }

    @Test("links are followed, links in a circle end, and a case that two names lead to is there once")
    func links() throws {
        let folder = try Folder()
        try folder.patient("p1", seed: 1, below: "elsewhere")
        try folder.patient("p2", seed: 2, below: "data")
        try folder.link("data/linked", to: folder.file("elsewhere/p1"))
        try folder.link("data/linked-again", to: folder.file("elsewhere"))
        try folder.link("data/p2/round", to: folder.file("data"))
        try folder.link("data/nowhere", to: folder.file("gone"))
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["linked", "p2"])
        #expect(found.skipped.isEmpty)
    }

    @Test("a folder that cannot be read has its row in the table, and what lies beside it is used")
    func unreadableFolder() throws {
        let folder = try Folder()
        try folder.image("data/a.nii.gz")
        try folder.mask("data/a_label.nii.gz", [1, 2])
        // A path that is longer than the system takes: root may read everything else.
        let name = String(repeating: "deep", count: 60)
        var handles = [open(folder.file("data"), O_RDONLY | O_DIRECTORY)]
        defer {
            for handle in handles.reversed() {
                unlinkat(handle, name, AT_REMOVEDIR)
                close(handle)
            }
        }
        for _ in 0..<20 {
            try #require(mkdirat(handles[handles.count - 1], name, 0o755) == 0)
            handles.append(openat(handles[handles.count - 1], name, O_RDONLY | O_DIRECTORY))
        }
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["a"])
        #expect(
            found.skipped == [
                CaseRecord(
                    name: name,
                    role: .skipped,
                    remark: "this folder cannot be read (File name too long): what lies below it is not used"
                )
            ]
        )
    }

    @Test("a folder without anything to train on is named beside others, with what it holds instead")
    func emptyFolder() throws {
        let folder = try Folder()
        try folder.image("data/a.nii.gz")
        try folder.mask("data/a_label.nii.gz", [1, 2])
        try folder.prepare("void/x")
        try folder.prepare("notes/x")
        for name in ["a.txt", "b.txt"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder.file("notes/\(name)")))
        }
        let found = try findTrainingCases(in: ["data", "void", "notes"].map(folder.file), labels: nil, rois: rois)
        #expect(found.sources.map(\.name) == ["a"])
        #expect(found.skipped.map(\.name) == ["void", "notes"])
        let remarks = ["this folder holds no file", "this folder holds no CT and no NIfTI file, only 2 other files"]
        #expect(found.skipped.map(\.remark) == remarks)
    }

    @Test("contours without their series, and series without contours, are told")
    func strays() throws {
        let folder = try Folder()
        for (name, seed) in [("p1", UInt64(1)), ("p2", 2), ("p3", 3)] {
            try folder.patient(name, seed: seed, below: "data")
        }
        func study(_ patient: String) -> String {
            folder.file("data/\(patient)/11-16-2003-NA-RTRCCTTHORAX8FLow Adult-39664")
        }
        try FileManager.default.removeItem(atPath: study("p1") + "/0.000000-NA-58160")
        try FileManager.default.removeItem(atPath: study("p2") + "/1.000000-.simplified-62948")
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["p3"])
        let remarks = Dictionary(uniqueKeysWithValues: found.skipped.map { ($0.name, $0.remark) })
        #expect(remarks["p1"] == "contours of a series that is not here")
        #expect(remarks["p2"] == "no contours of the recipe's structures")
    }

    @Test("a file for each structure, beside the image or in a folder below it")
    func structureFiles() throws {
        let folder = try Folder()
        // TotalSegmentator's layout.
        try folder.image("data/s0001/ct.nii.gz")
        for (name, voxels) in [("lung left", [1, 2]), ("Lung_R", [5]), ("heart", [7])] {
            try folder.mask("data/s0001/segmentations/\(name).nii.gz", voxels)
        }
        try folder.image("data/s0002/image.nii")
        for (name, voxels) in [("Left Lung", [3]), ("rt lung", [4])] {
            try folder.mask("data/s0002/\(name).nii.gz", voxels, value: 255)
        }
        try folder.image("data/s0003/ct.nii.gz")
        try folder.mask("data/s0003/Lung_L.nii.gz", [1])
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["s0001", "s0002"])
        #expect(found.unmatchedNames == ["heart": 1])
        #expect(found.skipped.map(\.name) == ["s0003"] && found.skipped.map(\.remark) == ["without Lung_R"])
        let first = try found.sources[0].load().labels.voxels
        #expect(first[1] == 1 && first[2] == 1 && first[5] == 2 && first.count { $0 != 0 } == 3)
        let second = try found.sources[1].load().labels.voxels
        #expect(second[3] == 1 && second[4] == 2 && second.count { $0 != 0 } == 2)
    }

    @Test("structures that overlap by more than an edge are not learned from: one would be hollowed out by the other")
    func overlap() throws {
        let folder = try Folder()
        try folder.image("data/s0001/ct.nii.gz")
        try folder.mask("data/s0001/Lung_L.nii.gz", [1, 2])
        try folder.mask("data/s0001/Lung_R.nii.gz", [2, 3])
        let source = try #require(find(folder).sources.first)
        #expect {
            try source.load()
        } throws: { "\($0)".contains("50 % of Lung_R.nii.gz lies within structures that come before it") }
    }

    @Test("of two dataset.json files above an image the nearer one names its labels")
    func nearestDataset() throws {
        let folder = try Folder()
        try folder.image("data/near/imagesTr/one_0000.nii.gz")
        try folder.mask("data/near/labelsTr/one.nii.gz", [1])
        for (place, left, right) in [("data", 1, 2), ("data/near", 2, 1)] {
            let text = #"{"labels": {"background": 0, "Lung_L": \#(left), "Lung_R": \#(right)}}"#
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("\(place)/dataset.json")))
        }
        let labels = try #require(find(folder).sources.first).load().labels
        #expect(labels.voxels[1] == 2)
    }

    @Test("what cannot be used in nnU-Net's and the Decathlon's layouts is named with its reason")
    func niftiRefusals() throws {
        let folder = try Folder()
        func write(_ root: String, _ name: String, _ labels: String) throws {
            try folder.image("data/\(root)/imagesTr/\(name).nii.gz")
            try folder.mask("data/\(root)/labelsTr/\(name.replacingOccurrences(of: "_0000", with: "")).nii.gz", [1])
            try Data(labels.utf8).write(to: URL(fileURLWithPath: folder.file("data/\(root)/dataset.json")))
        }
        try write("Dataset001", "one_0000", #"{"labels": {"background": 0, "Lung_L": 1}}"#)
        try write("Dataset002", "two_0000", #"{"labels": {"background": 0, "Lung_L": 1, "Lung_R": 2}}"#)
        try folder.image("data/Dataset002/imagesTr/two_0001.nii.gz")
        try write("Task03", "three", "{ this is no JSON")
        try folder.image("data/Task03/imagesTs/four.nii.gz")
        try folder.image("data/Task03/imagesTs/five.nii.gz")
        let found = try find(folder)
        #expect(found.sources.isEmpty)
        let remarks = Dictionary(found.skipped.map { ($0.name, $0.remark) }, uniquingKeysWith: { a, b in a + "; " + b })
        #expect(remarks["one"] == "dataset.json names no Lung_R")
        #expect(remarks["two"] == "an image of several channels")
        #expect(remarks["three"]?.hasPrefix("its dataset.json cannot be read") == true)
        #expect(remarks["imagesTs"] == "2 NIfTI files without a partner: an image needs a label map")
    }

    @Test("two label maps of one image are one where they are alike, and skip the case where they differ")
    func severalLabelMaps() throws {
        let folder = try Folder()
        for (name, voxels) in [("alike", [1, 2]), ("other", [1, 3])] {
            try folder.image("data/\(name).nii.gz")
            try folder.mask("data/\(name)_seg.nii.gz", [1, 2])
            try folder.mask("data/\(name)_mask.nii.gz", voxels)
        }
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["alike", "other"] && found.skipped.isEmpty)
        #expect(try found.sources[0].load().labels.voxels[2] == 1)
        #expect {
            try found.sources[1].load()
        } throws: { error in
            "\(error)" == """
                Lung_L of other_seg.nii.gz and Lung_L of other_mask.nii.gz are one structure of the recipe and differ (Dice 0.5)
                """
        }
    }

    @Test(
        "a NIfTI image that holds no Hounsfield units is skipped as a DICOM series is, and padding is air",
        arguments: [
            (224, 1064, "There is no air in the images"), (0, 1, "There is no air in the images"),
            (-1900, 40, "Too many values are no possible Hounsfield units."),
            (-800, -700, "There is no soft tissue in the images"), (-800, 40, nil), (-3024, 40, "no air"),
        ] as [(Float, Float, String?)]
    )
    func notHU(_ value: Float, _ tissue: Float, _ words: String?) throws {
        let folder = try Folder()
        try folder.image("data/a.nii.gz", value: value, tissue: tissue)
        try folder.mask("data/a_label.nii.gz", Array(40..<200))
        let source = try #require(find(folder).sources.first)
        guard let words else { return #expect(try source.load().ct.voxels[0] == -800) }
        #expect { try source.load() } throws: { error in
            "\(error)".contains(words) && "\(error)".hasSuffix("with their Rescale Slope and Intercept")
        }
    }

    @Test("a NIfTI file that does not say where it lies is skipped with the reason: its sides are anybody's guess")
    func withoutPlace() throws {
        let folder = try Folder()
        for name in ["image", "label", "good"] {
            try folder.image("data/\(name).nii")
            try folder.mask("data/\(name)_label.nii", Array(40..<200))
        }
        try folder.image("data/folder/ct.nii")
        for name in ["Lung_L", "Lung_R"] { try folder.mask("data/folder/\(name).nii", [1]) }
        for name in ["image.nii", "label_label.nii", "folder/Lung_R.nii"] { try folder.forgetPlace("data/" + name) }
        let found = try find(folder)
        #expect(found.sources.map(\.name) == ["good"])
        let remarks = Dictionary(uniqueKeysWithValues: found.skipped.map { ($0.name, $0.remark) })
        for (name, file) in [("image", "image.nii"), ("label", "label_label.nii"), ("folder", "Lung_R.nii")] {
            #expect(
                remarks[name]?.hasPrefix(
                    "\(file) has neither sform nor qform: nothing says where it lies and which side is the left one"
                ) == true
            )
        }
    }

    @Test("a label map of --labels that does not say where it lies is told as that, not taken by its grid")
    func labelFolderWithoutPlace() throws {
        let folder = try Folder()
        try folder.image("data/unused.nii")
        try folder.mask("labels/lungs.nii", [1])
        try folder.forgetPlace("labels/lungs.nii")
        let found = try findTrainingCases(in: [folder.file("data")], labels: folder.file("labels"), rois: rois)
        #expect(found.skipped.map(\.name) == ["lungs.nii"])
        #expect(found.skipped.first?.remark.hasPrefix("this label map has neither sform nor qform") == true)
    }

    @Test(
        "voxels that are not numbers, another grid, and labels without a structure are skipped, the rest is trained on"
    )
    func badCases() throws {
        let folder = try Folder()
        for (name, value) in [("good", Float(-800)), ("nan", .nan), ("moved", -800), ("empty", -800)] {
            try folder.image("data/\(name).nii.gz", value: value)
        }
        try folder.mask("data/good_label.nii.gz", Array(40..<200))
        try folder.mask("data/nan_label.nii.gz", Array(40..<200))
        try folder.mask("data/moved_label.nii.gz", Array(40..<200), origin: 40)
        try folder.mask("data/empty_label.nii.gz", [])
        var recipe = try SmallModel.recipe()
        recipe.split = SplitConfiguration(validationFraction: 0, testFraction: 0)
        recipe.optimisation = OptimisationConfiguration(epochs: 1, stepsPerEpoch: 1, batchSize: 1, warmUpSteps: 0)
        let report = try trainModel(
            TrainRequest(
                dataDirectories: [folder.file("data")],
                labelsDirectory: nil,
                output: folder.file("model"),
                workDirectory: folder.file("work"),
                configuration: recipe,
                threads: 1,
                scoresCases: false
            )
        ) { _ in }
        let rows = Dictionary(uniqueKeysWithValues: report.cases.map { ($0.name, $0) })
        #expect(rows["good"]?.role == .training && rows["good"]?.remark == "shows no Lung_R")
        #expect(rows["nan"]?.role == .skipped && rows["nan"]?.remark.contains("are not numbers") == true)
        #expect(rows["moved"]?.role == .skipped && rows["moved"]?.remark.contains("different grids") == true)
        #expect(rows["empty"]?.role == .skipped && rows["empty"]?.remark == "shows none of the structures")
        #expect(report.split.training == ["good"])
    }
}
