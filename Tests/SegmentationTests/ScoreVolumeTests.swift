import Foundation
import Imaging
import Segmentation
import Testing

@Suite("From scores to labels")
struct ScoreVolumeTests {
    static let softmax = DecisionRule(OutputDescription(activation: .softmax, emptyMessage: "none"))
    static let sigmoid = DecisionRule(OutputDescription(activation: .sigmoid, threshold: 0.6, emptyMessage: "none"))

    static func label(_ rule: DecisionRule, _ scores: [Float]) -> UInt8 { rule.label(scores.count) { scores[$0] } }

    @Test("softmax: foreground where the scores together exceed the threshold, then the highest")
    func softmaxRule() {
        #expect(Self.label(Self.softmax, [0.3, 0.3]) == 1)
        #expect(Self.label(Self.softmax, [0.2, 0.4]) == 2)
        #expect(Self.label(Self.softmax, [0.2, 0.2]) == 0)
        #expect(Self.label(Self.softmax, [0.25, 0.25]) == 0)
    }

    @Test("sigmoid: the highest score must itself exceed the threshold")
    func sigmoidRule() {
        #expect(Self.label(Self.sigmoid, [0.5, 0.5]) == 0)
        #expect(Self.label(Self.sigmoid, [0.7, 0.9]) == 2)
    }

    @Test("equal scores, as of a network with no weights, make nothing; no number makes nothing")
    func nothing() {
        #expect(Self.label(Self.softmax, [1 / 3, .nan]) == 0)
        #expect(Self.label(Self.softmax, [.nan, .nan]) == 0)
        #expect(Self.label(Self.sigmoid, [.nan, .nan]) == 0)
        #expect(Self.label(Self.sigmoid, [0.5, 0.5]) == 0)
    }

    /// Scores that fall linearly from 1 to 0 around a sphere's surface: their half is the sphere, to below a pixel.
    static func sphereScores(_ geometry: VolumeGeometry, centre: Vector3, radius: Double) -> ScoreVolume {
        let scores = ToyChest.fill(geometry) { p -> Float in
            let distance = dot(p - centre, p - centre).squareRoot() - radius
            return Float(min(max(0.5 - distance / 24, 0), 1))
        }
        let none = [Float](repeating: 0, count: geometry.dimensions.voxelCount)
        return ScoreVolume(geometry: geometry, scores: [Array(scores.voxels), none], rule: softmax)
    }

    @Test("edges are finer than the network's pixels", arguments: NetworkInputTests.signs)
    func subPixel(_ signs: Vector3) {
        let centre = Vector3(7, -5, 3)
        let scores = Self.sphereScores(grid(32, 32, 24, spacing: Vector3(6, 6, 6)), centre: centre, radius: 50)
        let ct = grid(90, 80, 70, spacing: Vector3(2, 2, 2), signs: signs)
        let labels = scores.labels(on: ct, threads: 2)
        let truth = ToyChest.fill(ct) { p in UInt8(dot(p - centre, p - centre) <= 2500 ? 1 : 0) }
        let both = zip(labels.voxels, truth.voxels).count { $0 == 1 && $1 == 1 }
        let sum = labels.voxels.count { $0 == 1 } + truth.voxels.count { $0 == 1 }
        // Nearest pixels of 6 mm would give 0.95.
        #expect(2 * Double(both) / Double(sum) > 0.985)
    }

    @Test("an oblique CT gets the same structure")
    func oblique() throws {
        let centre = Vector3(0, 0, 0)
        let scores = Self.sphereScores(grid(32, 32, 24, spacing: Vector3(6, 6, 6)), centre: centre, radius: 40)
        var ct = grid(60, 60, 60, spacing: Vector3(2, 2, 2))
        ct.directionI = try #require(normalized(Vector3(1, 1, 0)))
        ct.directionJ = try #require(normalized(Vector3(-1, 1, 1)))
        ct.directionK = cross(ct.directionI, ct.directionJ)
        ct.origin = PatientPoint((ct.directionI + ct.directionJ + ct.directionK) * -59)
        let labels = scores.labels(on: ct, threads: 1)
        let volume = Double(labels.voxels.count { $0 == 1 }) * 8
        #expect(abs(volume / (4.0 / 3 * .pi * 64000) - 1) < 0.03)
    }

    @Test("voxels outside of the network's picture are background")
    func outside() {
        let small = grid(8, 8, 8, spacing: Vector3(4, 4, 4))
        let ones = [Float](repeating: 1, count: 512)
        let scores = ScoreVolume(geometry: small, scores: [ones], rule: Self.softmax)
        let labels = scores.labels(on: grid(40, 40, 40, spacing: Vector3(4, 4, 4)), threads: 1)
        #expect(labels[20, 20, 20] == 1)
        #expect(labels[0, 20, 20] == 0 && labels[20, 39, 20] == 0 && labels[20, 20, 2] == 0)
    }
}
