import Dicom
import Foundation
import Imaging
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("The memory budget", .serialized)
struct MemoryBudgetTests {
    /// Digests of all that a run writes but its times.
    private func digests(_ bench: Workbench, _ name: String, _ images: [String], _ memory: MemoryBudget, threads: Int)
        throws -> [String: String]
    {
        let run = try bench.prepare(name, images: images)
        for stage in StageName.allCases { try runStage(stage, in: run, StageContext(threads: threads, memory: memory)) }
        var digests: [String: String] = [:]
        for stage in StageName.allCases {
            for entry in try Directory.list(run.directory(of: stage))
            where !["time.json", "report.json", "report.html"].contains(entry.name) {
                let path = run.directory(of: stage) + "/" + entry.name
                digests["\(stage.rawValue)/\(entry.name)"] = try SHA256Digest.hex(ofFile: path)
            }
        }
        return digests
    }

    @Test("every file is the same whether a slice, some or all of a volume may be resident, on one thread or two")
    func slabs() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let wanted = try digests(
            bench,
            "whole",
            images,
            MemoryBudget(megabytes: 1 << 20, allowance: 1 << 30),
            threads: 1
        )
        #expect(wanted.keys.contains("export/seg.dcm") && wanted.keys.contains("resample/ct.raw"))
        for (name, allowance, threads) in [
            ("slice", 0, 1), ("slices", 0, 2), ("slab", 60_000, 2), ("some", 500_000, 1),
        ] {
            let found = try digests(
                bench,
                name,
                images,
                MemoryBudget(megabytes: 1 << 20, allowance: allowance),
                threads: threads
            )
            #expect(found == wanted, "\(name)")
        }
        #expect(try Directory.list(bench.folder.path).allSatisfy { !$0.name.contains("scratch") })
    }

    @Test("a series that needs more is held before its pixels are read, with the key and a value that is enough")
    func refusal() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("run", images: images)
        let small = MemoryBudget(megabytes: 64)
        let found = fault { () throws(Fault) in
            try runStage(.resample, in: run, StageContext(threads: 1, memory: small))
        }
        let fault = try #require(found)
        #expect(fault.code == "E_MEMORY_BUDGET" && fault.kind == .operator)
        #expect(fault.message.contains("work.memory_budget_mb") && fault.hint.contains("work.memory_budget_mb"))
        #expect(!run.isFinished(.resample))
        // What the hint says is enough, and what the message says is the same.
        let enough = try #require(fault.hint.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }.first)
        #expect(fault.message.contains(" \(enough) MiB"))
        try runStage(.resample, in: run, StageContext(threads: 1, memory: MemoryBudget(megabytes: enough)))
        #expect(run.isFinished(.resample))
    }

    @Test("export writes the same bytes where its DICOM objects fit in the budget together and where only one does")
    func objects() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        var found: [[String: String]] = []
        for name in ["together", "apart"] {
            let run = try bench.prepare(name, images: images)
            for stage in StageName.allCases.dropLast() { try runStage(stage, in: run, StageContext(threads: 2)) }
            // The smallest budget that is not refused has room for one.
            let smallest = try #require(
                (1...200).first { megabytes in
                    let memory = MemoryBudget(megabytes: name == "together" ? 200 : megabytes, allowance: 0)
                    return fault { () throws(Fault) in
                        try runStage(.export, in: run, StageContext(threads: 2, memory: memory))
                    } == nil
                }
            )
            #expect((smallest == 1) == (name == "together"))
            let output = run.directory(of: .export)
            found.append(
                try Dictionary(
                    uniqueKeysWithValues: ["rtstruct.dcm", "seg.dcm", "labels.nii.gz"].map {
                        ($0, try SHA256Digest.hex(ofFile: "\(output)/\($0)"))
                    }
                )
            )
        }
        #expect(found[0] == found[1])
    }

    @Test("the memory that each thread works with counts")
    func threads() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("run", images: images)
        func needed(threads: Int) throws -> Int {
            let memory = MemoryBudget(megabytes: 64)
            let found = fault { () throws(Fault) in
                try runStage(.resample, in: run, StageContext(threads: threads, memory: memory))
            }
            return try #require(found?.hint.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }.first)
        }
        #expect(try needed(threads: 64) >= needed(threads: 1) + 100)
    }
}
