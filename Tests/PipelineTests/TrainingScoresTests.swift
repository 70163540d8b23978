import Foundation
import Imaging
import Metrics
import Pipeline
import Segmentation
import Testing

@Suite("Scores of a training")
struct TrainingScoresTests {
    private func scores(_ reference: [Int], _ prediction: [Int]) -> StructureScores {
        let grid = uprightGrid(4, 4, 4, spacing: Vector3(1, 1, 1))
        func mask(_ voxels: [Int]) -> Mask {
            var mask = Mask(geometry: grid, repeating: 0)
            for n in voxels { mask.voxels[n] = 1 }
            return mask
        }
        return StructureScores(name: "Lung_L", reference: mask(reference), prediction: mask(prediction), threads: 1)
    }

    private func card(records: [CaseRecord] = [], scores: [ModelCard.ScoreRow] = []) -> String {
        ModelCard(
            configuration: .lungs,
            summary: TrainingSummary(
                softwareVersion: "",
                seed: 1,
                epochs: 1,
                steps: 1,
                dataDigest: "",
                trainingCases: [],
                validationCases: [],
                validationDice: [:]
            ),
            history: TrainingHistory(),
            records: records,
            scores: scores,
            comparability: "",
            period: "",
            weightsDigest: "",
            weightBytes: 0
        ).markdown
    }

    @Test("names of structures are text in the model card: no column, no tag and nothing that a terminal obeys")
    func hostileNames() {
        let record = CaseRecord(name: "X", role: .skipped, remark: "Lung|<b>L\u{1B}[31m` not drawn")
        let row = card(records: [record]).split(separator: "\n").first { $0.hasPrefix("| X |") }
        #expect(row == #"| X | skipped | 0 | Lung\|\<b>L\\x1b\[31m\` not drawn |"#)
    }

    @Test(
        "the model card says why a score is 0 or undefined, and counts no case in which neither side shows a structure"
    )
    func remarks() {
        func row(_ name: String, _ scores: StructureScores, _ empty: ModelCard.ScoreRow.EmptySide?)
            -> ModelCard.ScoreRow
        {
            ModelCard.ScoreRow(caseName: name, role: .test, scores: scores, confidence: 0, empty: empty)
        }
        let card = card(scores: [
            row("a", scores([21], []), .prediction), row("b", scores([], [21]), .reference),
            row("c", scores([], []), .both), row("d", scores([21], [22]), nil), row("e", scores([21], [21]), nil),
        ])
        let lines = card.split(separator: "\n")
        func remark(_ name: String) -> Substring? {
            lines.first { $0.hasPrefix("| \(name) | test |") }?.split(separator: "|", omittingEmptySubsequences: false)
                .dropLast().last
        }
        #expect(remark("a") == " empty in the prediction ")
        #expect(remark("b") == " empty in the reference ")
        #expect(remark("c") == " empty in both ")
        #expect(remark("d") == " no voxel in common ")
        #expect(remark("e") == "  ")
        #expect(lines.contains { $0.hasPrefix("| Lung_L | 4 | 0.0 (0.25) |") }, "\(card)")
    }

    @Test("a training that ended early says so in its report and in the model card")
    func endedEarly() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        var request = try folder.request(SplitConfiguration(validationFraction: 0.34, testFraction: 0))
        request.configuration.optimisation = OptimisationConfiguration(
            epochs: 9,
            stepsPerEpoch: 1,
            batchSize: 1,
            learningRate: 1e-12,
            schedule: .constant,
            warmUpSteps: 0,
            validateEvery: 1,
            patience: 1
        )
        let report = try trainModel(request) { _ in }
        let words = try #require(report.endedEarly)
        #expect(words.contains(#/^ended early, after epoch [0-9] of 9: no validation since epoch [0-9] was better/#))
        #expect(
            try String(contentsOfFile: folder.file("model/MODEL_CARD.md"), encoding: .utf8).contains(" It \(words). ")
        )
        #expect(!card().contains("ended early"))
    }

    @Test("a structure that the labels of a case lack is told as empty in its reference")
    func emptyReference() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b"], in: "data", second: 1)
        var request = try folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0.5))
        request.scoresCases = true
        let report = try trainModel(request) { _ in }
        let rows = report.scores.filter { $0.structure == "Lung_R" }
        #expect(rows.map(\.role) == [.test])
        #expect(rows.allSatisfy { $0.empty == .reference || $0.empty == .both && $0.dice == nil })
        #expect(report.scores.allSatisfy { ($0.dice == nil) == ($0.empty == .both) })
    }

    @Test("the scores of a demonstration say so where its recipe does", arguments: [true, false])
    func demonstration(_ isOne: Bool) throws {
        let folder = try Folder()
        try folder.pairs(["a", "b"], in: "data")
        var request = try folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0.5))
        request.scoresCases = true
        request.configuration.demonstration = isOne
        _ = try trainModel(request) { _ in }
        let page = try String(contentsOfFile: folder.file("model/evaluation.html"), encoding: .utf8)
        #expect(page.contains("DEMONSTRATION: never for patients") == isOne)
        let json = try String(contentsOfFile: folder.file("model/evaluation.json"), encoding: .utf8)
        #expect(json.contains(#""demonstration" : true"#) == isOne)
    }

    @Test("a case whose files go before it is scored is named, and the same command goes on when they are back")
    func lostCase() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b"], in: "data")
        var request = try folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0.5))
        request.scoresCases = true
        let (data, away) = (folder.file("data"), folder.file("away"))
        #expect {
            try trainModel(request) { progress in
                guard progress.phase == .finishing, progress.item.isEmpty else { return }
                try FileManager.default.moveItem(atPath: data, toPath: away)
            }
        } throws: { error in
            let text = "\(error)"
            return (text.hasPrefix("a cannot be read any more") || text.hasPrefix("b cannot be read any more"))
                && text.contains("put its files back and give the same command again")
        }
        try FileManager.default.moveItem(atPath: away, toPath: data)
        var epochs = 0
        let report = try trainModel(request) { if $0.phase == .training { epochs += 1 } }
        #expect(epochs == 0 && !report.scores.isEmpty)
    }
}
