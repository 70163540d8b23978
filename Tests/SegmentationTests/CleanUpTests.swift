import Imaging
import Segmentation
import Testing

@Suite("Acceptance and clean-up, through the whole of judging")
struct JudgementTests {
    static let recipe = smallRecipe()

    /// Runs a package whose network is replaced by given scores: see `Judging`.
    static func judged(
        _ labels: Volume<UInt8>,
        score: Float = 0.98,
        hu: Float = -800,
        change: (inout ModelDescription) -> Void = { _ in }
    ) -> SegmentationResult {
        var description = recipe.modelDescription(training: nil)
        change(&description)
        let scores = (1...2).map { label in labels.voxels.map { $0 == UInt8(label) ? score : 0 } }
        let volume = ScoreVolume(
            geometry: labels.geometry,
            scores: scores,
            rule: DecisionRule(description.output)
        )
        let input = Volume<Float>(geometry: labels.geometry, voxels: labels.voxels.map { $0 > 0 ? hu : 40 })
        return judge(labels: labels, scores: volume, input: input, description: description, threads: 2)
    }

    static let geometry = grid(40, 30, 12)

    static func boxes(_ boxes: [(label: UInt8, i: Range<Int>, j: Range<Int>, k: Range<Int>)]) -> Volume<UInt8> {
        var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        for box in boxes {
            for k in box.k { for j in box.j { for i in box.i { labels[i, j, k] = box.label } } }
        }
        return labels
    }

    static func count(_ result: SegmentationResult, _ label: UInt8) -> Int {
        result.labelMap.volume.voxels.count { $0 == label }
    }

    @Test("a stray piece goes, both lungs stay")
    func stray() {
        let result = Self.judged(
            Self.boxes([
                (1, 25..<35, 5..<25, 1..<11), (2, 4..<14, 5..<25, 1..<11), (2, 18..<21, 0..<3, 0..<3),
            ])
        )
        #expect(Self.count(result, 1) == 2000 && Self.count(result, 2) == 2000)
        #expect(result.structures[1].components == 1)
        #expect(abs(result.structures[1].droppedML - 27 * 0.32) < 1e-9)
        #expect(result.foundAnything && result.findings.isEmpty)
    }

    @Test("the only lung of a short scan stays however small it is, if it is accepted")
    func onlyLung() {
        let result = Self.judged(Self.boxes([(1, 25..<30, 5..<10, 11..<12)])) {
            $0.rois[0].postprocessing.minimumVolumeML = 1000
        }
        #expect(Self.count(result, 1) == 25)
        #expect(result.structures[0].found && !result.structures[1].found)
    }

    @Test(
        "the tip and the base of a lung stay where a slice has no more of it, step by step, and what lies farther off or beside it goes"
    )
    func ends() {
        let lung: (label: UInt8, i: Range<Int>, j: Range<Int>, k: Range<Int>) = (1, 20..<30, 5..<25, 4..<9)
        // Slices of this grid are 5 mm apart, pixels 8 mm wide.
        let tip = Self.judged(Self.boxes([lung, (1, 24..<25, 12..<13, 10..<11), (1, 24..<25, 12..<13, 11..<12)]))
        #expect(Self.count(tip, 1) == 1000 + 2)
        #expect(tip.structures[0].components == 1)
        let steps = Self.judged(Self.boxes([lung, (1, 24..<26, 12..<13, 2..<3), (1, 24..<26, 12..<13, 0..<1)]))
        #expect(Self.count(steps, 1) == 1000 + 4)
        let far = Self.judged(Self.boxes([lung, (1, 24..<25, 12..<13, 1..<2)]))
        #expect(Self.count(far, 1) == 1000)
        let aside = Self.judged(Self.boxes([lung, (1, 33..<34, 12..<13, 9..<10)]))
        #expect(Self.count(aside, 1) == 1000)
        let beside = Self.judged(Self.boxes([lung, (1, 31..<32, 12..<13, 8..<9)]))
        #expect(Self.count(beside, 1) == 1000)
    }

    @Test("a speck of less than half a mL beyond a slice without lung goes, one in the next slice stays")
    func speck() {
        let lung: (label: UInt8, i: Range<Int>, j: Range<Int>, k: Range<Int>) = (1, 20..<30, 5..<25, 4..<9)
        // A voxel has 0.32 mL.
        let speck = Self.judged(Self.boxes([lung, (1, 24..<25, 12..<13, 10..<11)]))
        #expect(Self.count(speck, 1) == 1000)
        #expect(abs(speck.structures[0].droppedML - 0.32) < 1e-9)
        let larger = Self.judged(Self.boxes([lung, (1, 24..<26, 12..<13, 10..<11)]))
        #expect(Self.count(larger, 1) == 1000 + 2)
        let next = Self.judged(Self.boxes([lung, (1, 30..<31, 12..<13, 9..<10)]))
        #expect(Self.count(next, 1) == 1000 + 1)
    }

    @Test("a lung in two large parts keeps both")
    func divided() {
        let result = Self.judged(
            Self.boxes([(1, 20..<30, 5..<25, 0..<6), (1, 20..<30, 5..<15, 7..<12)])
        )
        #expect(Self.count(result, 1) == 1200 + 500)
        #expect(result.structures[0].components == 2)
    }

    @Test(
        "in half a picture, a part of the right lung that was called the left one is right lung, and no left lung is found"
    )
    func spotOfTheOnlyLung() {
        var labels = Self.boxes([(2, 4..<24, 5..<25, 1..<11)])
        for k in 4..<8 { for j in 10..<18 { for i in 18..<24 { labels[i, j, k] = 1 } } }
        let result = Self.judged(labels)
        #expect(Self.count(result, 1) == 0 && Self.count(result, 2) == 4000)
        #expect(!result.structures[0].found && result.structures[1].volumeML == 4000 * 0.32)
        let messages = result.findings.filter { $0.code == "W_STRUCTURE_NOT_FOUND" }.map(\.message)
        #expect(messages == ["Lung_L was not found: what was taken for it lies within Lung_R and counts as that"])
    }

    @Test("a small lung that touches the other one along a line stays, and so does one of more than a tenth")
    func smallNeighbours() {
        let small = Self.judged(
            Self.boxes([(2, 4..<24, 5..<25, 1..<11), (1, 24..<32, 5..<13, 10..<12), (1, 30..<36, 5..<11, 6..<10)])
        )
        #expect(small.structures[0].found && Self.count(small, 2) == 4000)
        var labels = Self.boxes([(2, 4..<24, 5..<25, 1..<11)])
        for k in 2..<9 { for j in 8..<16 { for i in 16..<24 { labels[i, j, k] = 1 } } }
        let large = Self.judged(labels)
        #expect(large.structures[0].found && Self.count(large, 1) == 7 * 8 * 8)
    }

    @Test("a spot of the left label inside the right lung becomes right lung")
    func joins() {
        var labels = Self.boxes([(1, 25..<35, 5..<25, 1..<11), (2, 4..<18, 5..<25, 1..<11)])
        for k in 4..<7 { for j in 10..<13 { for i in 8..<11 { labels[i, j, k] = 1 } } }
        let result = Self.judged(labels)
        #expect(Self.count(result, 1) == 2000 && Self.count(result, 2) == 2800)
    }

    @Test("nothing found is a finding in the model's own words")
    func nothing() {
        let result = Self.judged(Volume<UInt8>(geometry: Self.geometry, repeating: 0))
        #expect(!result.foundAnything)
        #expect(result.findings.first?.code == "W_NOTHING_FOUND")
        #expect(result.findings.first?.message == "no lung found")
        #expect(result.structures.allSatisfy { $0.confidence == 0 && $0.volumeML == 0 })
    }

    @Test("what is brighter than any lung or as thin as room air is no lung", arguments: [Float(150), -995])
    func density(_ hu: Float) {
        let result = Self.judged(Self.boxes([(1, 25..<35, 5..<25, 1..<11)]), hu: hu)
        #expect(!result.foundAnything)
        #expect(Self.count(result, 1) == 0)
        #expect(result.findings.contains { $0.code == "W_STRUCTURE_NOT_FOUND" && $0.structure == "Lung_L" })
    }

    @Test("without a calibration the confidence is the Dice that the scores promise, and a low one is told")
    func confidence() {
        let labels = Self.boxes([(1, 25..<35, 5..<25, 1..<11)])
        let sure = Self.judged(labels, score: 1)
        #expect(abs(sure.structures[0].confidence - 1) < 1e-6)
        let unsure = Self.judged(labels, score: 0.6)
        #expect(abs(unsure.structures[0].confidence - 2 * 0.6 / 1.6) < 1e-6)
        #expect(abs((unsure.structures[0].meanScore ?? 0) - 0.6) < 1e-6)
        let finding = unsure.findings.first { $0.code == "W_LOW_CONFIDENCE" && $0.structure == "Lung_L" }
        #expect(finding?.message == "the network is unsure about Lung_L (confidence 0.75, at least 0.9 is usual)")
    }

    @Test("a calibration maps the raw confidence piece by piece")
    func calibration() {
        let map = ConfidenceCalibration(knots: [.init(raw: 0.5, calibrated: 0.2), .init(raw: 1, calibrated: 0.98)])
        #expect(map(0.3) == 0.2)
        #expect(abs(map(0.75) - 0.59) < 1e-12)
        #expect(map(1) == 0.98)
    }

    @Test("a lung at the edge of the picture is reported as cropped only where the CT goes on")
    func cropped() {
        let labels = Self.boxes([(1, 30..<40, 5..<25, 1..<11)])
        #expect(!Self.judged(labels).findings.contains { $0.code == "W_CROPPED" })
        var wide = Self.geometry
        wide.dimensions.i += 10
        var onWide = Volume<UInt8>(geometry: wide, repeating: 0)
        for k in 1..<11 { for j in 5..<25 { for i in 30..<40 { onWide[i, j, k] = 1 } } }
        let description = Self.recipe.modelDescription(training: nil)
        let scores = ScoreVolume(
            geometry: Self.geometry,
            scores: (1...2).map { l in labels.voxels.map { $0 == UInt8(l) ? 1 : 0 } },
            rule: DecisionRule(description.output)
        )
        let input = Volume<Float>(geometry: Self.geometry, repeating: -800)
        let result = judge(labels: onWide, scores: scores, input: input, description: description, threads: 2)
        #expect(result.findings.contains { $0.code == "W_CROPPED" && $0.structure == "Lung_L" })
    }

    @Test("a speck at the edge of the picture that clean-up removes crops nothing")
    func cleanedSpeck() {
        let labels = Self.boxes([(1, 15..<25, 5..<25, 1..<11), (1, 39..<40, 5..<7, 1..<2)])
        var wide = Self.geometry
        wide.dimensions.i += 10
        var onWide = Volume<UInt8>(geometry: wide, repeating: 0)
        for k in 0..<wide.dimensions.k {
            for j in 0..<wide.dimensions.j {
                for i in 0..<Self.geometry.dimensions.i { onWide[i, j, k] = labels[i, j, k] }
            }
        }
        let description = Self.recipe.modelDescription(training: nil)
        let scores = ScoreVolume(
            geometry: Self.geometry,
            scores: (1...2).map { l in labels.voxels.map { $0 == UInt8(l) ? 1 : 0 } },
            rule: DecisionRule(description.output)
        )
        let input = Volume<Float>(geometry: Self.geometry, repeating: -800)
        let result = judge(labels: onWide, scores: scores, input: input, description: description, threads: 2)
        #expect(result.structures[0].found)
        #expect(!result.findings.contains { $0.code == "W_CROPPED" })
    }
}

@Suite("Connected pieces by runs")
struct RunComponentsTests {
    /// Flood fill, voxel by voxel.
    static func floodSizes(_ volume: Volume<UInt8>) -> [Int] {
        let d = volume.geometry.dimensions
        var seen = [Bool](repeating: false, count: d.voxelCount)
        var sizes: [Int] = []
        for start in volume.voxels.indices where volume.voxels[start] == 1 && !seen[start] {
            var stack = [start]
            seen[start] = true
            var size = 0
            while let n = stack.popLast() {
                size += 1
                let (i, j, k) = (n % d.i, n / d.i % d.j, n / (d.i * d.j))
                for (a, b, c) in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)] {
                    let (x, y, z) = (i + a, j + b, k + c)
                    guard x >= 0, y >= 0, z >= 0, x < d.i, y < d.j, z < d.k else { continue }
                    let next = x + d.i * (y + d.j * z)
                    if volume.voxels[next] == 1, !seen[next] {
                        seen[next] = true
                        stack.append(next)
                    }
                }
            }
            sizes.append(size)
        }
        return sizes.sorted()
    }

    @Test("pieces of random volumes are those that a flood fill finds", arguments: [30, 45, 60, 80])
    func random(_ percent: Int) {
        var random = SeededRandom(UInt64(percent))
        for _ in 0..<5 {
            var volume = Volume<UInt8>(geometry: grid(13, 11, 9), repeating: 0)
            for n in volume.voxels.indices { volume.voxels[n] = random.index(100) < percent ? 1 : 2 }
            #expect(RunComponents(of: 1, in: volume).sizes.sorted() == Self.floodSizes(volume))
        }
    }
}
