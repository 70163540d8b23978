import Dicom
import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Segmentation
import Testing

/// Stages are run one by one, as the worker of the daemon does it.
@Suite("Single stages", .serialized)
struct StageTests {
    private static let products = [
        "rtstruct.dcm", "seg.dcm", "labels.nii.gz", "Lung_L.nii.gz", "Lung_R.nii.gz", "Lungs.nii.gz",
    ]

    private func bytes(_ run: RunFolder) throws -> [String: Data] {
        var result: [String: Data] = [:]
        for (stage, names) in [
            (StageName.resample, ["ct.raw", "ct.json", "input.raw", "input.json", "reference.dcm", "series.json"]),
            (.segment, ["labels.raw", "labels.json", "segmentation.json"]), (.evaluate, ["evaluation.json"]),
            (.export, Self.products),
        ] {
            for name in names {
                result["\(stage.rawValue)/\(name)"] = try contents(run.directory(of: stage) + "/" + name)
            }
        }
        return result
    }

    @Test("the same input gives the same bytes, on one thread or two, and when a stage is run again")
    func deterministic() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        try bench.runStages(run)
        let first = try bytes(run)
        bench.threads = 1
        let other = try bench.prepare("b", images: images.reversed())
        try bench.runStages(other)
        for (name, data) in try bytes(other) { #expect(data == first[name], "\(name)") }
        // Again from the second stage on, as after a crash.
        for stage in [StageName.segment, .evaluate, .export] { try Directory.remove(run.directory(of: stage)) }
        try bench.runStages(run)
        for (name, data) in try bytes(run) { #expect(data == first[name], "\(name)") }
    }

    @Test("a finished stage is left as it is, a half-made one is made anew")
    func idempotent() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        try FileManager.default.createDirectory(
            atPath: run.partialDirectory(of: .resample) + "/deep",
            withIntermediateDirectories: true
        )
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: run.partialDirectory(of: .resample) + "/input.raw"))
        try bench.runStages(run)
        #expect(
            try names(in: run.directory(of: .resample)) == [
                "ct.json", "ct.raw", "input.json", "input.raw", "reference.dcm", "series.json", "time.json",
            ]
        )
        #expect(try names(in: run.path).filter { $0.hasSuffix(".partial") }.isEmpty)
        let marker = run.directory(of: .segment) + "/labels.raw"
        let before = try FileManager.default.attributesOfItem(atPath: marker)[.modificationDate] as? Date
        try bench.runStages(run)
        #expect(try FileManager.default.attributesOfItem(atPath: marker)[.modificationDate] as? Date == before)
    }

    @Test("stages tell their progress, rising to the end, and stop when they are told to")
    func progressAndCancel() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        for stage in StageName.allCases {
            let cancelled = fault { () throws(Fault) in
                try runStage(stage, in: run, StageContext(threads: 2, isCancelled: { true }))
            }
            #expect(cancelled == .cancelled, "\(stage)")
            #expect(!run.isFinished(stage))
            let seen = Recorder()
            let context = StageContext(threads: 1, progress: { fraction, _ in seen.add(fraction) })
            try runStage(stage, in: run, context)
            #expect(seen.values.allSatisfy { (0...1).contains($0) }, "\(stage)")
            #expect(seen.values == seen.values.sorted(), "\(stage): \(seen.values)")
        }
    }

    @Test("a stage without the one before it says so and makes nothing")
    func outOfOrder() throws {
        let bench = try Workbench()
        let run = try bench.prepare("a", images: [])
        for stage in [StageName.segment, .evaluate, .export] {
            let found = fault { () throws(Fault) in try runStage(stage, in: run, StageContext(threads: 1)) }
            #expect(found != nil && !run.isFinished(stage), "\(stage)")
        }
        let none = fault { () throws(Fault) in try runStage(.resample, in: run, StageContext(threads: 1)) }
        #expect(none?.code == "E_NO_IMAGES" && none?.kind == .permanent)
    }

    @Test("a file with other bytes than those that were taken is not contoured; the refusal names its number")
    func changedFile() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        var request = try run.request()
        request.fileDigests = try Dictionary(
            uniqueKeysWithValues: images.map { ($0, try SHA256Digest.hex(ofFile: $0)) }
        )
        try FileManager.default.removeItem(atPath: run.path)
        try run.write(request)
        try bench.runStages(run, [.resample])
        try Directory.remove(run.directory(of: .resample))
        let victim = images[7]
        var bytes = try contents(victim)
        let before = try FileManager.default.attributesOfItem(atPath: victim)[.modificationDate]
        bytes[bytes.count - 3] ^= 1
        try bytes.write(to: URL(fileURLWithPath: victim))
        // Not even a time that was put back hides it.
        try FileManager.default.setAttributes([.modificationDate: before as Any], ofItemAtPath: victim)
        let found = fault { () throws(Fault) in try runStage(.resample, in: run, StageContext(threads: 2)) }
        #expect(found?.code == "E_FILE_CHANGED" && found?.kind == .permanent)
        let number = (victim as NSString).lastPathComponent.split(separator: ".")[0]
        #expect(found?.details == ["file \(number)"])
        #expect(found?.hint.contains("contourctl retry 7") == true)
        #expect(!run.isFinished(.resample))
    }

    @Test("a model that changed after the run was queued is for the operator to decide")
    func changedModel() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        _ = try SmallModel.package(in: bench.model.directory) { name, tensor in tensor.values[0] += 1 }
        let found = fault { () throws(Fault) in try runStage(.resample, in: run, StageContext(threads: 1)) }
        #expect(found?.code == "E_MODEL_CHANGED" && found?.kind == .operator)
        try FileManager.default.removeItem(atPath: bench.model.directory + "/weights.safetensors")
        let missing = fault { () throws(Fault) in try runStage(.resample, in: run, StageContext(threads: 1)) }
        #expect(missing?.code == "E_MODEL" && missing?.kind == .operator)
        #expect(missing?.message.contains(bench.folder.path) == false)
    }

    @Test("a reference that comes later is scored against what was delivered, and our own result is not")
    func lateReference() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"))
        let base = try bench.prepare("a", images: images)
        try bench.runStages(base)
        func evaluation(_ name: String, of reference: String) throws -> [String: Any] {
            var request = try base.request()
            request.kind = .evaluation
            request.referenceFiles = [reference]
            request.baseRunDirectory = base.path
            let run = RunFolder(path: bench.folder.file(name))
            try run.write(request)
            try bench.runStages(run, [.evaluate, .export])
            #expect(try names(in: run.directory(of: .export)) == ["report.html", "report.json"])
            return try json(run.directory(of: .export) + "/report.json")
        }
        for (n, truth) in ["rtstruct.dcm", "seg.dcm"].enumerated() {
            let report = try evaluation("late \(n)", of: bench.folder.file("in/truth/" + truth))
            let scores = try #require((report["evaluation"] as? [String: Any])?["structures"] as? [[String: Any]])
            #expect(scores.count == 3 && scores.allSatisfy { $0["dice"] as? Double ?? 0 > 0.85 }, "\(truth)")
        }
        for (n, product) in ["rtstruct.dcm", "seg.dcm"].enumerated() {
            let report = try evaluation("own \(n)", of: base.directory(of: .export) + "/" + product)
            #expect(report["evaluation"] == nil)
            let codes = (report["findings"] as? [[String: Any]])?.compactMap { $0["code"] as? String } ?? []
            #expect(codes.contains("W_OWN_RESULT"))
        }
    }

    @Test("of a late reference that has only the union that is scored and drawn, and nobody removed the parts")
    func lateUnion() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(6, to: bench.folder.file("in"))
        let base = try bench.prepare("a", images: images)
        try bench.runStages(base)
        // Ours without its lowest rows: edited.
        let own = try NiftiFile.readLabels(base.directory(of: .export) + "/Lungs.nii.gz")
        var edited = own
        let plane = own.geometry.dimensions.i * own.geometry.dimensions.j
        for n in own.voxels.indices where n % plane < plane / 2 { edited.voxels[n] = 0 }
        let reference = bench.folder.file("Lungs.nii.gz")
        try NiftiFile.write(edited, to: reference)
        var request = try base.request()
        request.kind = .evaluation
        request.referenceFiles = [reference]
        request.baseRunDirectory = base.path
        let run = RunFolder(path: bench.folder.file("late"))
        try run.write(request)
        try bench.runStages(run, [.evaluate, .export])
        let report = try json(run.directory(of: .export) + "/report.json")
        let evaluation = try #require(report["evaluation"] as? [String: Any])
        let scores = try #require(evaluation["structures"] as? [[String: Any]])
        #expect(scores.map { $0["name"] as? String } == ["Lungs"] && evaluation["derived"] == nil)
        let changes = try #require(evaluation["changes"] as? [[String: Any]])
        #expect(changes.map { $0["name"] as? String } == ["Lungs"] && changes[0]["status"] as? String == "edited")
        #expect(evaluation["unmatchedPrediction"] as? [String] == ["Lung_L", "Lung_R"])
        let told = evaluation["findings"] as? [String] ?? []
        #expect(told.contains { $0.hasPrefix("Lung_L and Lung_R: the reference has only their union") }, "\(told)")
        let page = try String(contentsOfFile: run.directory(of: .export) + "/report.html", encoding: .utf8)
        #expect(page.contains("cm\u{00B2} of Lungs are in only one"))
        #expect(page.contains("Lungs: the reference&#39;s surface"))
        // What the page of outcomes shows later, without the CT's pixels when their time is over.
        let kept = try run.worstPictures()
        #expect(kept.map(\.structure) == ["Lungs"] && kept[0].png != nil && !kept[0].overlay.differences.isEmpty)
        try run.removeWorstPixels()
        let outlines = try run.worstPictures()
        #expect(outlines.map(\.overlay) == kept.map(\.overlay) && outlines[0].png == nil)
        #expect(try outlines[0].picture(of: "a").caption.contains("pixels were deleted"))
    }

    @Test("a reference in another Frame of Reference is scored only when it names the very series")
    func otherFrame() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"))
        var truth = try DicomFile(contentsOf: bench.folder.file("in/truth/rtstruct.dcm"))
        var frames = truth.dataSet.sequence(.referencedFrameOfReferenceSequence)
        frames[0].set(.frameOfReferenceUID, .UI, "1.2.3.99")
        truth.dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
        try truth.write(to: bench.folder.file("same series.dcm"), transferSyntax: .implicitVRLittleEndian)
        frames[0].remove(.rtReferencedStudySequence)
        truth.dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
        try truth.write(to: bench.folder.file("elsewhere.dcm"), transferSyntax: .implicitVRLittleEndian)
        for (name, isScored) in [("same series", true), ("elsewhere", false)] {
            let run = try bench.prepare(name, images: images, references: [bench.folder.file(name + ".dcm")])
            try bench.runStages(run, [.resample, .segment, .evaluate])
            let facts = try json(run.directory(of: .evaluate) + "/evaluation.json")
            #expect((facts["evaluations"] as? [Any])?.isEmpty == !isScored, "\(name)")
            let codes = (facts["findings"] as? [[String: Any]])?.compactMap { $0["code"] as? String } ?? []
            #expect(codes.contains("W_REFERENCE_UNUSABLE") == !isScored, "\(name)")
        }
    }

    @Test("structures of a reference that are none are told and not scored, the others are scored")
    func brokenStructures() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"))
        let truth = try DicomFile(contentsOf: bench.folder.file("in/truth/rtstruct.dcm"))
        let names = truth.dataSet.sequence(.structureSetROISequence).map { $0.string(.roiName) }
        let left = try #require(names.firstIndex(of: "Lung_L"))
        let right = try #require(names.firstIndex(of: "Lung_R"))
        let number = truth.dataSet.sequence(.structureSetROISequence)[left].string(.roiNumber)
        typealias Change = (inout DataSet) -> Void
        func edit(_ tag: Dicom.Tag, _ change: @escaping (inout [DataSet]) -> Void) -> Change {
            { dataSet in
                var items = dataSet.sequence(tag)
                change(&items)
                dataSet.set(tag, sequence: items)
            }
        }
        func contoured(_ items: [DataSet]) throws -> Int {
            try #require(items.firstIndex { $0.string(.referencedROINumber) == number })
        }
        let lungL = try contoured(truth.dataSet.sequence(.roiContourSequence))
        func typed(_ type: String) -> Change {
            edit(.roiContourSequence) { items in
                let contours = items[lungL].sequence(.contourSequence).map { contour in
                    var contour = contour
                    contour.set(.contourGeometricType, .CS, type)
                    return contour
                }
                items[lungL].set(.contourSequence, sequence: contours)
            }
        }
        // What is told, in which structures, and what is scored all the same.
        let cases: [(String, Change, told: [String], words: String, scored: [String])] = [
            ("open", typed("OPEN_PLANAR"), ["Lung_L"], "(OPEN_PLANAR)", ["Lung_R"]),
            ("points", typed("POINT"), ["Lung_L"], "enclose nothing", ["Lung_R"]),
            (
                "a missing ROI", edit(.roiContourSequence) { $0[lungL].set(.referencedROINumber, .IS, "999") },
                ["Lung_L"],
                "ROI Number 999, which no structure has", ["Lung_R"]
            ),
            (
                "a number twice", edit(.structureSetROISequence) { $0[right].set(.roiNumber, .IS, number) },
                ["Lung_L", "Lung_R"], "also that of another structure", []
            ),
            ("nothing drawn", edit(.roiContourSequence) { $0 = [] }, ["Lung_L", "Lung_R"], "no contours", []),
        ]
        for (name, change, told, words, scored) in cases {
            var file = truth
            change(&file.dataSet)
            try file.write(to: bench.folder.file(name + ".dcm"), transferSyntax: .implicitVRLittleEndian)
            let run = try bench.prepare(name, images: images, references: [bench.folder.file(name + ".dcm")])
            try bench.runStages(run, [.resample, .segment, .evaluate])
            let facts = try json(run.directory(of: .evaluate) + "/evaluation.json")
            let findings = try #require(facts["findings"] as? [[String: Any]])
            let unusable = findings.filter { $0["code"] as? String == "W_REFERENCE_UNUSABLE" }
            #expect(Set(unusable.compactMap { $0["structure"] as? String }).isSuperset(of: told), "\(name)")
            #expect(unusable.contains { ($0["message"] as? String)?.contains(words) == true }, "\(name): \(unusable)")
            #expect(!findings.contains { $0["code"] as? String == "W_REFERENCE_UNMATCHED" }, "\(name)")
            let evaluations = try #require(facts["evaluations"] as? [[String: Any]])
            let structures = evaluations.flatMap { $0["structures"] as? [[String: Any]] ?? [] }
            #expect(structures.compactMap { $0["name"] as? String } == scored, "\(name)")
        }
    }

    @Test("a reference that cannot be used costs a finding, not the contours")
    func unusableReference() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"))
        try Data("no DICOM".utf8).write(to: URL(fileURLWithPath: bench.folder.file("in/truth/bad.dcm")))
        let run = try bench.prepare(
            "a",
            images: images,
            references: [bench.folder.file("in/truth/bad.dcm"), images[0], bench.folder.file("gone.dcm")]
        )
        try bench.runStages(run)
        let report = try json(run.directory(of: .export) + "/report.json")
        let findings = try #require(report["findings"] as? [[String: Any]])
        #expect(findings.count { $0["code"] as? String == "W_REFERENCE_UNUSABLE" } == 3)
        #expect(try names(in: run.directory(of: .export)).contains("rtstruct.dcm"))
    }

    @Test("a request comes back from its file as it was written, times to the millisecond")
    func requestRoundTrip() throws {
        let bench = try Workbench()
        let run = try bench.prepare("a", images: ["/x/1.dcm"], references: ["/y/ü.dcm"])
        let request = try run.request()
        #expect(request.createdAt == Date(timeIntervalSince1970: 1_700_000_000.125))
        #expect(request.dicomFiles == ["/x/1.dcm"] && request.referenceFiles == ["/y/ü.dcm"])
        #expect(RunJSON.text(of: request.createdAt) == "2023-11-14T22:13:20.125Z")
        #expect(throws: DecodingError.self) { try RunJSON.decode(Date.self, from: Data("\"yesterday\"".utf8)) }
    }
}

/// Collects values from any thread.
private final class Recorder: @unchecked Sendable {
    private let lock = NSLock()
    private var collected: [Double] = []
    func add(_ value: Double) { lock.withLock { collected.append(value) } }
    var values: [Double] { lock.withLock { collected } }
}
