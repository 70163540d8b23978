import Foundation
import Imaging
import Pipeline
import Platform
import Segmentation
import Testing

/// Label maps that were changed by hand are judged by the ranges of the model package.
@Suite("Plausibility")
struct PlausibilityTests {
    struct Check: Decodable {
        var name: String
        var value: String
        var expected: String
        var passed: Bool
    }

    struct Structure: Decodable {
        var name: String
        var holes: Int?
        var spreadHU: Double?
        var extentMM: Double?
        var checks: [Check]

        func check(_ name: String) -> Check? { checks.first { $0.name == name } }
    }

    private struct Facts: Decodable {
        struct Finding: Decodable {
            var severity: String
            var code: String
            var message: String
        }
        var structures: [Structure]
        var findings: [Finding]
    }

    /// A phantom that was contoured and not yet judged.
    private func segmented() throws -> (Workbench, RunFolder) {
        let bench = try Workbench()
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("a", images: images)
        try bench.runStages(run, [.resample, .segment])
        return (bench, run)
    }

    /// What `evaluate` makes of a label map, after a change to it.
    private func judged(
        _ bench: Workbench,
        _ run: RunFolder,
        change: (inout Volume<UInt8>) -> Void
    ) throws -> (left: Structure, right: Structure, complaints: [String], cuts: [String]) {
        let base = run.directory(of: .segment) + "/labels"
        let original = try Volume<UInt8>(contentsOfBase: base)
        var labels = original
        change(&labels)
        try Directory.remove(run.directory(of: .evaluate))
        try labels.write(toBase: base)
        defer { #expect(throws: Never.self) { try original.write(toBase: base) } }
        try bench.runStages(run, [.evaluate])
        let data = try contents(run.directory(of: .evaluate) + "/evaluation.json")
        let facts = try JSONDecoder().decode(Facts.self, from: data)
        return (
            try #require(facts.structures.first { $0.name == "Lung_L" }),
            try #require(facts.structures.first { $0.name == "Lung_R" }),
            facts.findings.filter { $0.code == "W_IMPLAUSIBLE" && $0.severity == "review" }.map(\.message),
            facts.findings.filter { $0.code == "W_CUT_BY_SCAN" && $0.severity == "note" }.map(\.message)
        )
    }

    @Test("each change shows in its own check, beside the range, and asks for review")
    func checks() throws {
        let (bench, run) = try segmented()
        let plain = try judged(bench, run) { _ in }
        let names = Set(plain.left.checks.map(\.name))
        #expect(
            names.isSuperset(of: [
                "volume", "extent", "mean HU", "spread of HU", "largest pocket of plain air", "components", "holes",
                "side",
                "distance from the middle",
                "confidence", "uncertain edge", "slices skipped", "edge of the picture",
            ])
        )
        #expect(plain.left.checks.allSatisfy { !$0.value.isEmpty && !$0.expected.isEmpty })
        #expect(plain.left.check("side")?.value.contains("left of the middle") == true)
        let spread = try #require(plain.left.spreadHU)
        #expect(spread > 5 && plain.left.check("slices skipped")?.value == "0")

        let skipped = try judged(bench, run) { labels in
            let used = (0..<labels.geometry.dimensions.k).filter { slice(labels, $0).contains(1) }
            clear(&labels, 1, slice: used[used.count / 2])
        }
        #expect(skipped.left.check("slices skipped")?.value == "1")
        #expect(
            skipped.left.check("slices skipped")?.passed == false
                && skipped.right.check("slices skipped")?.passed == true
        )
        #expect(skipped.complaints.contains { $0.contains("Lung_L: slices skipped is 1, expected 0") })

        let exchanged = try judged(bench, run) { labels in
            for n in labels.voxels.indices { labels.voxels[n] = [0, 2, 1][Int(labels.voxels[n])] }
        }
        #expect(exchanged.left.check("side")?.passed == false && exchanged.right.check("side")?.passed == false)

        let pierced = try judged(bench, run) { labels in punch(&labels, 1) }
        let holes = try #require(plain.left.holes)
        #expect(pierced.left.holes == holes + 1 && pierced.right.holes == plain.right.holes)

        // A lung that the scan cuts is not compared with the other one.
        func uncut(_ labels: inout Volume<UInt8>) {
            for label in [UInt8(1), 2] {
                for k in [0, labels.geometry.dimensions.k - 1] { clear(&labels, label, slice: k) }
            }
        }
        let whole = try judged(bench, run) { labels in uncut(&labels) }
        let halved = try judged(bench, run) { labels in
            uncut(&labels)
            for k in 0..<labels.geometry.dimensions.k where k % 2 == 0 { clear(&labels, 1, slice: k) }
        }
        let (before, after) = (ratio(whole.left), ratio(halved.left))
        #expect(before > 0.3 && abs(after - before / 2) < 0.12 * before, "\(before), \(after)")
        #expect(halved.left.check("symmetry")?.expected == "0.5 to 1.25 times")
    }

    @Test("a structure that the picture cuts is told, and asks for review where the package allows less of it")
    func cutByThePicture() throws {
        let (bench, run) = try segmented()
        func atTheEdge(_ limitMM2: Double?) throws -> (
            left: Structure, right: Structure, complaints: [String], cuts: [String]
        ) {
            var description = bench.model.description
            description.rois[0].plausibility.maximumEdgeContactMM2 = limitMM2
            let path = run.directory(of: .segment) + "/model.json"
            try StrictJSON.encode(description).write(to: URL(fileURLWithPath: path))
            return try judged(bench, run) { labels in
                for k in 10..<14 { for j in 20..<30 { labels[labels.geometry.dimensions.i - 1, j, k] = 1 } }
            }
        }
        let limits: [(Double?, String)] = [
            (nil, "not touched"), (1000, "at most 1000 mm\u{00B2}"), (2000, "at most 2000 mm\u{00B2}"),
        ]
        for (limitMM2, expected) in limits {
            let cut = try atTheEdge(limitMM2)
            let check = try #require(cut.left.check("edge of the picture"))
            // 40 faces of 4.9 x 9.6 mm.
            #expect(check.value == "touched on 1882 mm\u{00B2}" && check.expected == expected)
            #expect(check.passed == (limitMM2 == 2000))
            #expect(cut.complaints.contains { $0.contains("edge of the picture") } == !check.passed)
            #expect(cut.cuts.contains { $0.hasPrefix("Lung_L") && $0.hasSuffix("the edge of the picture.") })
            #expect(cut.left.check("symmetry") == nil, "one that is cut is not compared")
            #expect(
                cut.left.check("distance from the middle") == nil && cut.right.check("distance from the middle") == nil,
                "the middle of the body is not known"
            )
        }
        let plain = try judged(bench, run) { _ in }
        #expect(!plain.cuts.contains { $0.contains("picture") })
        #expect(plain.left.check("distance from the middle") != nil)
    }

    @Test(
        "a lung beside which the picture ends is not held against the middle of the body, and the other one is a note"
    )
    func aloneInThePicture() throws {
        let (bench, run) = try segmented()
        let path = run.directory(of: .segment) + "/segmentation.json"
        var facts = try #require(JSONSerialization.jsonObject(with: contents(path)) as? [String: Any])
        for (code, isJudged) in [("W_STRUCTURE_NOT_FOUND", true), ("W_BESIDE_PICTURE", false)] {
            facts["findings"] = [["code": code, "structure": "Lung_R", "message": "not found", "hint": "look"]]
            try JSONSerialization.data(withJSONObject: facts).write(to: URL(fileURLWithPath: path))
            let alone = try judged(bench, run) { labels in
                for n in labels.voxels.indices where labels.voxels[n] == 2 { labels.voxels[n] = 0 }
            }
            #expect((alone.left.check("side") != nil) == isJudged)
            #expect((alone.left.check("distance from the middle") != nil) == isJudged)
            let data = try contents(run.directory(of: .evaluate) + "/evaluation.json")
            let finding = try JSONDecoder().decode(Facts.self, from: data).findings.first { $0.code == code }
            #expect(finding?.severity == (isJudged ? "review" : "note"))
        }
    }

    @Test("an uncertain edge is shown beside its limit, and told once: by the finding of segment")
    func uncertainEdge() throws {
        let (bench, run) = try segmented()
        let usual = try #require(try judged(bench, run) { _ in }.left.check("uncertain edge"))
        let width = try #require(Double(usual.value.split(separator: " ").first ?? ""))
        #expect(width > 0 && width < 50 && usual.expected == "at most 50.0 mm" && usual.passed)

        var description = bench.model.description
        description.rois[0].plausibility.maximumEdgeUncertaintyMM = 0.001
        let path = run.directory(of: .segment) + "/model.json"
        try StrictJSON.encode(description).write(to: URL(fileURLWithPath: path))
        let strict = try judged(bench, run) { _ in }
        #expect(strict.left.check("uncertain edge")?.passed == false)
        #expect(!strict.complaints.contains { $0.contains("uncertain edge") })

        description.rois[0].plausibility.maximumEdgeUncertaintyMM = nil
        try StrictJSON.encode(description).write(to: URL(fileURLWithPath: path))
        #expect(try judged(bench, run) { _ in }.left.check("uncertain edge") == nil)
    }

    @Test("a pocket of plain air in emphysema is shown beside its limit and asks for review")
    func airPocket() throws {
        let (bench, run) = try segmented()
        let path = run.directory(of: .segment) + "/segmentation.json"
        var facts = try #require(try JSONSerialization.jsonObject(with: contents(path)) as? [String: Any])
        var structures = try #require(facts["structures"] as? [[String: Any]])
        structures[0]["airPocketFraction"] = 0.0312
        structures[1]["airPocketFraction"] = 0.03
        for index in 0...1 { structures[index]["lowAttenuationFraction"] = 0.2 }
        facts["structures"] = structures
        try JSONSerialization.data(withJSONObject: facts).write(to: URL(fileURLWithPath: path))
        let result = try judged(bench, run) { _ in }
        #expect(result.right.check("largest pocket of plain air")?.passed == true)
        #expect(
            result.complaints.filter { $0.contains("air") } == [
                "Lung_L: largest pocket of plain air is 3.1 % of it, expected at most 3.0 %."
            ]
        )
    }

    @Test("without emphysema a smaller pocket asks for review; where a tenth and more is thin, the limit for all holds")
    func airPocketWithoutEmphysema() throws {
        let (bench, run) = try segmented()
        var description = bench.model.description
        for index in description.rois.indices {
            description.rois[index].plausibility.maximumAirPocketFractionWithoutEmphysema = 0.01
        }
        let folder = run.directory(of: .segment)
        try StrictJSON.encode(description).write(to: URL(fileURLWithPath: folder + "/model.json"))
        let facts = folder + "/segmentation.json"
        var segmentation = try #require(try JSONSerialization.jsonObject(with: contents(facts)) as? [String: Any])
        var structures = try #require(segmentation["structures"] as? [[String: Any]])
        for (index, part) in [0.1, 0.101].enumerated() {
            structures[index]["airPocketFraction"] = 0.0124
            structures[index]["lowAttenuationFraction"] = part
        }
        segmentation["structures"] = structures
        try JSONSerialization.data(withJSONObject: segmentation).write(to: URL(fileURLWithPath: facts))
        let result = try judged(bench, run) { _ in }
        #expect(result.right.check("largest pocket of plain air")?.passed == true)
        #expect(
            result.complaints.filter { $0.contains("air") } == [
                "Lung_L: largest pocket of plain air is 1.2 % of it, expected at most 1.0 % without emphysema."
            ]
        )
    }

    private func ratio(_ structure: Structure) -> Double {
        Double(structure.check("symmetry")?.value.split(separator: " ").first ?? "") ?? 0
    }

    private func slice(_ labels: Volume<UInt8>, _ k: Int) -> Slice<Voxels<UInt8>> {
        let plane = labels.geometry.dimensions.i * labels.geometry.dimensions.j
        return labels.voxels[k * plane..<(k + 1) * plane]
    }

    private func clear(_ labels: inout Volume<UInt8>, _ label: UInt8, slice k: Int) {
        let plane = labels.geometry.dimensions.i * labels.geometry.dimensions.j
        for n in k * plane..<(k + 1) * plane where labels.voxels[n] == label { labels.voxels[n] = 0 }
    }

    /// Takes out one voxel that lies wholly inside.
    private func punch(_ labels: inout Volume<UInt8>, _ label: UInt8) {
        let d = labels.geometry.dimensions
        for k in 1..<d.k - 1 {
            for j in 1..<d.j - 1 {
                for i in 1..<d.i - 1 {
                    let around = [
                        labels[i, j, k], labels[i - 1, j, k], labels[i + 1, j, k], labels[i, j - 1, k],
                        labels[i, j + 1, k], labels[i, j, k - 1], labels[i, j, k + 1],
                    ]
                    if around.allSatisfy({ $0 == label }) {
                        labels[i, j, k] = 0
                        return
                    }
                }
            }
        }
    }
}
