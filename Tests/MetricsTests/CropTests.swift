import Imaging
import Metrics
import Testing

/// The definition written down as it is read: every corner of the whole grid, every distance. Slow, and without any
/// box, row or envelope.
private struct WholeGrid {
    /// Code and place (mm along i, j, k) of each corner on the surface.
    private let corners: [(code: Int, place: Vector3)]

    init(_ mask: Mask) {
        let d = mask.geometry.dimensions
        var corners: [(Int, Vector3)] = []
        for k in 0...d.k {
            for j in 0...d.j {
                for i in 0...d.i {
                    var code = 0
                    for (z, y, x) in [
                        (1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1), (0, 0, 0),
                    ] {
                        let at = (i - x, j - y, k - z)
                        let isInGrid =
                            (0..<d.i).contains(at.0) && (0..<d.j).contains(at.1) && (0..<d.k).contains(at.2)
                        code = code * 2 + (isInGrid && mask[at.0, at.1, at.2] != 0 ? 1 : 0)
                    }
                    if code != 0 && code != 255 {
                        corners.append((code, Vector3(Double(i), Double(j), Double(k)) * mask.geometry.spacing))
                    }
                }
            }
        }
        self.corners = corners
    }

    func surfels(to other: WholeGrid, areas: [Double]) -> [(distance: Double, area: Double)] {
        corners.map { corner in
            let nearest = other.corners.map { dot($0.place - corner.place, $0.place - corner.place) }.min()
            return (nearest.map { $0.squareRoot() } ?? .infinity, areas[corner.code])
        }.sorted { ($0.distance, $0.area) < ($1.distance, $1.area) }
    }
}

@Suite("Cropping and short cuts")
struct CropTests {
    private func expectSame(
        _ found: DirectedDistances,
        _ expected: [(distance: Double, area: Double)],
        _ name: String
    ) {
        #expect(found.surfels.count == expected.count, "\(name)")
        let areEqual = zip(found.surfels, expected).allSatisfy { agree($0.distance, $1.distance, within: 1e-9) }
        #expect(areEqual, "\(name): a distance differs")
        let sum = expected.reduce(0) { $0 + $1.area }
        #expect(agree(found.area, sum, within: 1e-9), "\(name): the area differs")
    }

    private func expectDefinition(_ a: Mask, _ b: Mask, _ name: String) {
        let spacing = a.geometry.spacing
        let areas = SurfelTable(spacing: Vector3(spacing.z, spacing.y, spacing.x)).areas
        let (x, y) = (WholeGrid(a), WholeGrid(b))
        let distances = SurfaceDistances(reference: a, prediction: b, threads: 2)
        expectSame(distances.referenceToPrediction, x.surfels(to: y, areas: areas), name + ", from the reference")
        expectSame(distances.predictionToReference, y.surfels(to: x, areas: areas), name + ", from the prediction")
    }

    @Test("The box and the rows that are looked at give the distances of the whole grid")
    func wholeGrid() {
        for number in 2001...2150 {
            let pair = RandomPair(number)
            expectDefinition(pair.reference, pair.prediction, "pair \(number)")
        }
    }

    @Test(
        "Structures that are far apart, beyond the rows that are looked at one by one, have the distances of the whole grid"
    )
    func farApart() {
        let geometry = grid(40, 70, 60, spacing: Vector3(0.7, 0.9, 1.1))
        let corner = box(geometry, 0..<2, 0..<3, 0..<2)
        let opposite = box(geometry, 37..<40, 66..<70, 57..<60)
        let plate = box(geometry, 12..<14, 30..<34, 2..<5)
        expectDefinition(corner, opposite, "opposite corners")
        expectDefinition(corner.combined(with: plate, |), opposite, "two against one")
        expectDefinition(corner.combined(with: opposite, |), plate, "one against two")
        // Rows far apart in one direction alone.
        let thin = grid(9, 150, 3, spacing: Vector3(1, 0.3, 5))
        expectDefinition(box(thin, 0..<2, 0..<2, 0..<1), box(thin, 5..<9, 140..<150, 0..<3), "a long thin grid")
    }

    @Test("A larger grid around the same masks changes no score, wherever they lie in it")
    func largerGrid() {
        for number in 3001...3120 {
            let pair = RandomPair(number)
            let d = pair.reference.geometry.dimensions
            var random = SplitMix(state: UInt64(number))
            let before = [random.below(4), random.below(4), random.below(4)]
            let larger = grid(
                d.i + before[0] + random.below(4),
                d.j + before[1] + random.below(4),
                d.k + before[2] + random.below(4),
                spacing: pair.reference.geometry.spacing
            )
            let small = SurfaceDistances(reference: pair.reference, prediction: pair.prediction, threads: 1)
            let large = SurfaceDistances(
                reference: pair.reference.moved(by: before, to: larger),
                prediction: pair.prediction.moved(by: before, to: larger),
                threads: 1
            )
            #expect(small.referenceToPrediction.surfels == large.referenceToPrediction.surfels, "pair \(number)")
            #expect(small.predictionToReference.surfels == large.predictionToReference.surfels, "pair \(number)")
        }
    }

    @Test("Any value but 0 is inside")
    func anyValueIsInside() {
        let pair = RandomPair(3)
        var bright = pair.reference
        for n in bright.voxels.indices where bright.voxels[n] != 0 { bright.voxels[n] = UInt8(1 + n % 255) }
        let plain = SurfaceDistances(reference: pair.reference, prediction: pair.prediction, threads: 1)
        let found = SurfaceDistances(reference: bright, prediction: pair.prediction, threads: 1)
        #expect(found.referenceToPrediction.surfels == plain.referenceToPrediction.surfels)
    }
}
