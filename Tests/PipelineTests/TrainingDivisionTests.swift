import Dicom
import Foundation
import Imaging
import Nifti
import Pipeline
import Segmentation
import Testing

@Suite("The division of patients")
struct TrainingDivisionTests {
    /// Why a training is refused before it prepares a case; empty where it is not.
    private func refusal(_ request: TrainRequest) -> String {
        var steps = 0
        do { _ = try trainModel(request) { if $0.phase != .finding { steps += 1 } } } catch {
            return steps == 0 ? "\(error)" : "late: \(error)"
        }
        return ""
    }

    @Test("a part that was asked for and would have nobody is refused before anything is prepared, with numbers")
    func emptyParts() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b"], in: "data")
        let folds = refusal(try folder.request(SplitConfiguration(folds: 20, fold: 20)))
        #expect(
            folds == """
                training configuration: split.folds: 20 parts of 2 patients leave some in which nobody tests; take 2 parts at \
                most, as --fold 1/2
                """
        )
        let test = refusal(try folder.request(SplitConfiguration()))
        #expect(
            test == """
                training configuration: split.testFraction: 0.2 of 2 patients is nobody, so that no patient would test; give 3 \
                patients at least, a larger fraction, or 0 to train without a test
                """
        )
        let training = refusal(try folder.request(SplitConfiguration(validationFraction: 0.5, testFraction: 0.49)))
        #expect(
            training == """
                training configuration: split: nobody is left to train: of 2 patients 1 for validation, 1 for testing, 0 \
                excluded; give more patients, or smaller fractions
                """
        )
    }

    @Test(
        "a part whose cases cannot be used, as loading them shows, is refused with the reasons as one that has nobody"
    )
    func lostParts() throws {
        let folder = try Folder()
        try folder.pairs("abcdefghij".map(String.init), in: "data")
        let whole = try trainModel(folder.request(SplitConfiguration())) { _ in }.split
        #expect(whole.test.count == 2 && whole.validation.count == 1)
        for (part, names) in [("test", whole.test), ("validation", whole.validation)] {
            let lost = try Folder()
            try lost.pairs("abcdefghij".map(String.init), in: "data")
            let grid = uprightGrid(8, 8, 4, spacing: Vector3(2, 2, 3))
            for name in names {
                try NiftiFile.write(
                    Volume<Float>(geometry: grid, repeating: .nan),
                    to: lost.file("data/\(name).nii.gz")
                )
            }
            let reasons = names.sorted().map { "\($0): 256 voxels of the image are not numbers (NaN or infinite)" }
            #expect(
                refusal(try lost.request(SplitConfiguration())) == """
                    late: training configuration: split: none of \(names.count) \(part) case\(names.count == 1 ? "" : "s") can be used \
                    (\(reasons.joined(separator: "; "))); mend them, take them out of the data, so that others are drawn, or do \
                    without by a \(part)Fraction of 0
                    """
            )
        }
    }

    @Test("a scan that is there as two patients stays in one part, whatever the draw, and is told")
    func sameScans() throws {
        let names = ["a", "b", "c", "d", "e"]
        for seed in UInt64(1)...4 {
            let folder = try Folder()
            try folder.pairs(names, in: "data")
            for suffix in ["", "_label"] {
                try FileManager.default.copyItem(
                    atPath: folder.file("data/a\(suffix).nii.gz"),
                    toPath: folder.file("data/z\(suffix).nii.gz")
                )
            }
            var request = try folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0.5))
            request.configuration.seed = seed
            var notes: [String] = []
            let report = try trainModel(request) { if $0.phase == .noted { notes.append($0.item) } }
            #expect(report.sameScans == [["a", "z"]])
            #expect(report.split.test.contains("a") == report.split.test.contains("z"))
            #expect(report.split.training.count + report.split.test.count == 6)
            #expect(
                notes.map { $0.hasPrefix("1 scan there as different patients (a = z): each counts as one") } == [true]
            )
            let card = try String(contentsOfFile: folder.file("model/MODEL_CARD.md"), encoding: .utf8)
            #expect(card.contains(notes.first ?? "a note"))
            let digests = report.cases.filter { ["a", "z"].contains($0.name) }.map(\.digest)
            #expect(digests.count == 2 && Set(digests).count == 1)
        }
    }

    @Test("copies of a scan that somebody drew on differently are skipped, as two objects of one series are")
    func contradictingCopies() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c", "d"], in: "data")
        for (name, isSwapped) in [("y", false), ("z", true)] {
            try FileManager.default.copyItem(
                atPath: folder.file("data/\(isSwapped ? "b" : "a").nii.gz"),
                toPath: folder.file("data/\(name).nii.gz")
            )
            var labels = try NiftiFile.readLabels(folder.file("data/\(isSwapped ? "b" : "a")_label.nii.gz"))
            if isSwapped { for n in 40..<200 { labels.voxels[n] = [0, 2, 1][Int(labels.voxels[n])] } }
            try NiftiFile.write(labels, to: folder.file("data/\(name)_label.nii.gz"))
        }
        let split = SplitConfiguration(validationFraction: 0, testFraction: 0)
        let report = try trainModel(folder.request(split)) { _ in }
        #expect(report.split.training == ["a", "c", "d", "y"] && report.sameScans == [["a", "y"]])
        let remarks = Dictionary(uniqueKeysWithValues: report.cases.map { ($0.name, $0.remark) })
        for (name, other) in [("b", "z"), ("z", "b")] {
            let words =
                #/^the same picture as (.), in which Lung_L is drawn differently \(Dice 0\.[0-9]+\): which one is meant/#
            #expect(try words.prefixMatch(in: remarks[name] ?? "")?.1 ?? "" == other, "\(remarks)")
        }
    }

    @Test("a test part that the recipe leaves out is no mistake")
    func noTest() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b"], in: "data")
        let report = try trainModel(folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0))) { _ in }
        #expect(report.split.training == ["a", "b"] && report.split.test.isEmpty)
        #expect(report.casesWithoutPatientID == [])
    }

    @Test("CTs without Patient ID are told once with their number, before the work and in the report and the card")
    func withoutPatientID() throws {
        let folder = try Folder()
        for (name, seed) in [("a", UInt64(1)), ("b", 2), ("c", 3)] {
            for path in try SmallPhantom.write(seed, to: folder.file("data/\(name)")) where name != "c" {
                var file = try DicomFile(contentsOf: path)
                file.dataSet.remove(.patientID)
                try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
            }
        }
        var notes: [String] = []
        let split = SplitConfiguration(validationFraction: 0, testFraction: 0)
        let report = try trainModel(folder.request(split)) { if $0.phase == .noted { notes.append($0.item) } }
        #expect(notes.count == 1 && notes[0].hasPrefix("2 CTs without Patient ID: each of their folders counts as one"))
        #expect(report.casesWithoutPatientID == ["a", "b"])
        let card = try String(contentsOfFile: folder.file("model/MODEL_CARD.md"), encoding: .utf8)
        #expect(card.contains(notes.first ?? "a note"))
    }

    @Test("a patient stays out by the Patient ID, a file by its own name; who is not there is told before the work")
    func exclusions() throws {
        let folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("data/p1"))
        let paths = try SmallPhantom.write(2, to: folder.file("data/p2"))
        for path in paths {
            var file = try DicomFile(contentsOf: path)
            file.dataSet.set(.patientID, .LO, "ID 2")
            try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
        }
        try folder.pairs(["患者一", "患者二"], in: "data")
        var split = SplitConfiguration(validationFraction: 0, testFraction: 0, exclude: ["id 2", "患者一", "nobody"])
        var steps: [TrainingProgress] = []
        let report = try trainModel(folder.request(split)) { steps.append($0) }
        #expect(report.split.training == ["____", "p1"] && report.split.excluded == ["___", "p2"])
        #expect(report.unusedExclusions == ["nobody"])
        #expect(steps.first { $0.phase != .finding }?.item == "split.exclude: no case or patient is called nobody")
        split.exclude = []
        split.validation = ["ID*"]
        let (output, work) = (folder.file("second"), folder.file("second.training"))
        var second = try folder.request(split)
        (second.output, second.workDirectory) = (output, work)
        #expect(try trainModel(second) { _ in }.split.validation == ["p2"])
    }

    @Test("a case that must stay out is told as excluded, also where it could not be used")
    func unusableExclusion() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        for name in ["b", "c"] {
            let other = Volume<UInt8>(geometry: uprightGrid(4, 4, 2, spacing: Vector3(2, 2, 3)), repeating: 1)
            try NiftiFile.write(other, to: folder.file("data/\(name)_label.nii.gz"))
        }
        let split = SplitConfiguration(validationFraction: 0, testFraction: 0, exclude: ["b"])
        let report = try trainModel(folder.request(split)) { _ in }
        let roles = Dictionary(uniqueKeysWithValues: report.cases.map { ($0.name, $0.role) })
        #expect(roles == ["a": .training, "b": .excluded, "c": .skipped])
        #expect(report.split.excluded == ["b"] && report.unusedExclusions ?? [] == [])
    }

    @Test("cases of one name in two folders of data are told with both paths, and a folder that is named twice as that")
    func sameNames() throws {
        let folder = try Folder()
        for name in ["one", "two"] { try folder.pairs(["a"], in: name) }
        let split = SplitConfiguration(validationFraction: 0, testFraction: 0)
        let root = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
        #expect(
            refusal(try folder.request(split, data: ["one", "two"])) == """
                nothing to train on: two cases are called a: \(root)/one/a.nii.gz and \(root)/two/a.nii.gz; rename one of their \
                folders or files
                """
        )
        #expect(
            refusal(try folder.request(split, data: ["one", "one"])) == """
                nothing to train on: \(root)/one/a.nii.gz lies in two folders of --data; name each case once
                """
        )
    }
}
