import Foundation
import Imaging
import Segmentation
import Testing

@Suite("The width of the uncertain edge")
struct EdgeUncertaintyTests {
    static let spacing = Vector3(2, 3, 5)

    /// Judges labels beside the scores of the left lung, on one grid.
    static func judged(
        _ labels: Volume<UInt8>,
        left: [Float],
        right: [Float]? = nil,
        limitMM: Double? = nil,
        calibration: ConfidenceCalibration? = nil,
        threads: Int = 2
    ) -> SegmentationResult {
        var description = smallRecipe().modelDescription(training: nil)
        for index in description.rois.indices {
            description.rois[index].acceptance = Acceptance()
            description.rois[index].postprocessing = Postprocessing()
            description.rois[index].confidence = calibration
            description.rois[index].plausibility = Plausibility(maximumEdgeUncertaintyMM: limitMM)
        }
        let scores = ScoreVolume(
            geometry: labels.geometry,
            scores: [left, right ?? labels.voxels.map { $0 == 2 ? 1 : 0 }],
            rule: DecisionRule(description.output)
        )
        let input = Volume<Float>(geometry: labels.geometry, repeating: -800)
        return judge(labels: labels, scores: scores, input: input, description: description, threads: threads)
    }

    static func box(_ i: Range<Int>, _ j: Range<Int>, _ k: Range<Int>) -> Volume<UInt8> {
        var labels = Volume<UInt8>(geometry: grid(10, 9, 8, spacing: spacing), repeating: 0)
        for k in k { for j in j { for i in i { labels[i, j, k] = 1 } } }
        return labels
    }

    @Test("it is the sum of p (1 - p) in mm3 over the area of the faces in mm2")
    func definition() throws {
        let labels = Self.box(2..<6, 3..<5, 4..<7)
        var scores = labels.voxels.map { $0 == 1 ? Float(0.75) : 0 }
        scores[0] = 0.5  // far away from the structure, and doubted all the same
        let width = try #require(Self.judged(labels, left: scores).structures[0].edgeUncertaintyMM)
        // 4 x 2 x 3 voxels of 30 mm3: 8 x 6 x 15 mm.
        let areaMM2: Double = 516
        let doubtMM3: Double = (24 * 0.1875 + 0.25) * 30
        #expect(abs(width - doubtMM3 / areaMM2) < 1e-9)
    }

    @Test("what is measured does not depend on the number of threads, in no bit")
    func threads() {
        var random = SystemRandomNumberGenerator()
        var labels = Self.box(1..<9, 1..<8, 0..<8)
        for n in labels.voxels.indices where labels.voxels[n] > 0 { labels.voxels[n] = UInt8(random.next() % 3) }
        let (left, right) = (
            labels.voxels.map { _ in Float.random(in: 0...1) }, labels.voxels.map { _ in Float.random(in: 0...1) }
        )
        func measures(_ threads: Int) -> [[Double?]] {
            Self.judged(labels, left: left, right: right, threads: threads).structures.map {
                [
                    $0.volumeML, $0.meanScore, $0.confidence, $0.meanHU, $0.airFraction, $0.airPocketFraction,
                    $0.edgeUncertaintyMM, $0.lowAttenuationFraction,
                ]
            }
        }
        let one = measures(1)
        for threads in [2, 3, 5, 16] { #expect(measures(threads) == one) }
    }

    @Test("a face on the edge of the scan is none, one to another structure is one of both")
    func faces() throws {
        var labels = Self.box(0..<4, 0..<2, 0..<3)
        let cut = Self.judged(labels, left: labels.voxels.map { $0 == 1 ? Float(0.75) : 0 })
        // 6 x 15, 8 x 15 and 8 x 6 mm.
        let cornerMM2: Double = 258
        let cornerMM3: Double = 24 * 0.1875 * 30
        let width = try #require(cut.structures[0].edgeUncertaintyMM)
        #expect(abs(width - cornerMM3 / cornerMM2) < 1e-9)

        for k in 0..<3 { for j in 0..<2 { for i in 4..<10 { labels[i, j, k] = 2 } } }
        let both = Self.judged(
            labels,
            left: labels.voxels.map { $0 == 1 ? Float(0.75) : 0 },
            right: labels.voxels.map { $0 == 2 ? Float(0.75) : 0 }
        )
        #expect(both.structures[0].edgeUncertaintyMM == width)
        let other = try #require(both.structures[1].edgeUncertaintyMM)
        // 6 x 15, 12 x 15 and 12 x 6 mm.
        let otherMM2: Double = 342
        let otherMM3: Double = 36 * 0.1875 * 30
        #expect(abs(other - otherMM3 / otherMM2) < 1e-9)
    }

    @Test(
        "across an edge where the score falls like a logistic curve it is the scale of that curve",
        arguments: [2.0, 4]
    )
    func logistic(_ scale: Double) throws {
        let geometry = grid(120, 4, 4, spacing: Vector3(1, 2, 3))
        let scores = (0..<geometry.dimensions.voxelCount).map { n in
            Float(1 / (1 + exp((Double(n % 120) - 59.5) / scale)))
        }
        let labels = Volume<UInt8>(geometry: geometry, voxels: scores.map { $0 > 0.5 ? 1 : 0 })
        let width = try #require(Self.judged(labels, left: scores).structures[0].edgeUncertaintyMM)
        #expect(abs(width - scale) < 1e-4 * scale)
    }

    @Test(
        "above the limit of the package the structure asks for review in words, at it and without a limit it does not"
    )
    func review() throws {
        let labels = Self.box(2..<6, 3..<5, 4..<7)
        let scores = labels.voxels.map { $0 == 1 ? Float(0.75) : 0 }
        let width = try #require(Self.judged(labels, left: scores).structures[0].edgeUncertaintyMM)
        func findings(_ limitMM: Double?) -> [SegmentationFinding] {
            Self.judged(labels, left: scores, limitMM: limitMM).findings.filter { $0.structure == "Lung_L" }
        }
        #expect(findings(nil).isEmpty && findings(width).isEmpty)
        let finding = try #require(findings(0.2).first)
        #expect(finding.code == "W_LOW_CONFIDENCE")
        #expect(
            finding.message
                == "the network is unsure where Lung_L ends (over 0.262 mm on average, at most 0.2 mm are usual)"
        )
    }

    @Test("what was not found has none")
    func notFound() {
        let empty = Volume<UInt8>(geometry: Self.box(0..<0, 0..<0, 0..<0).geometry, repeating: 0)
        let result = Self.judged(empty, left: empty.voxels.map { _ in 0.4 }, limitMM: 0.1)
        #expect(result.structures.allSatisfy { !$0.found && $0.edgeUncertaintyMM == nil })
        #expect(!result.findings.contains { $0.code == "W_LOW_CONFIDENCE" })
    }
}
