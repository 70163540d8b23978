import Imaging
import Segmentation
import Testing

@Suite("What a calibrated model is sure of")
struct ConfidenceTests {
    static let columns = 24
    static let rows = 20
    static let geometry = grid(columns, rows, 2, spacing: Vector3(2, 3, 5))

    /// What the surface between the first two columns takes: a layer of 0.1 mm.
    static let edge = 0.1 * Double(rows * 2) * (3 * 5) / (Double((columns - 1) * rows * 2) * (2 * 3 * 5))

    /// The left lung everywhere but for the first column, and scores that are sure of it but where `doubt` says otherwise.
    static func confidence(doubt: (_ i: Int, _ j: Int, _ k: Int) -> Float?) -> (confidence: Double, pixels: Double) {
        var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        var scores: [Float] = []
        for k in 0..<2 {
            for j in 0..<rows {
                for i in 0..<columns {
                    if i > 0 { labels[i, j, k] = 1 }
                    scores.append(doubt(i, j, k) ?? (i > 0 ? 1 : 0))
                }
            }
        }
        let pixels = Double(labels.voxels.count { $0 == 1 })
        return (judged(labels, scores).confidence, pixels)
    }

    /// The left lung, by a calibration that changes nothing.
    static func judged(_ labels: Volume<UInt8>, _ scores: [Float]) -> StructureResult {
        let identity = ConfidenceCalibration(knots: [.init(raw: 0, calibrated: 0), .init(raw: 1, calibrated: 1)])
        return EdgeUncertaintyTests.judged(labels, left: scores, calibration: identity).structures[0]
    }

    @Test("a region of doubt takes from it what is expected to be wrong there, whichever side of the edge it lies on")
    func region() {
        // A cross does not reach the corners of a rectangle.
        for (score, wrong) in [(Float(0.75), 0.25), (0.25, 0.25), (0.5, 0.5)] {
            let (value, pixels) = Self.confidence { i, j, k in
                k == 0 && (4..<9).contains(i) && (3..<7).contains(j) ? score : nil
            }
            #expect(abs(value - (1 - 16 * wrong / pixels - Self.edge)) < 1e-6)
        }
    }

    @Test("a thin band of doubt takes nothing from it, whatever its direction: one counts from three pixels' width on")
    func edges() {
        for width in 1...2 {
            let upright = Self.confidence { i, _, _ in (5..<5 + width).contains(i) ? 0.5 : nil }
            let level = Self.confidence { _, j, _ in (5..<5 + width).contains(j) ? 0.5 : nil }
            let slanting = Self.confidence { i, j, _ in (0..<width).contains(i - j) ? 0.5 : nil }
            for one in [upright, level, slanting] { #expect(abs(one.confidence - (1 - Self.edge)) < 1e-12, "\(width)") }
        }
        let band = Self.confidence { i, _, _ in (5..<8).contains(i) ? 0.5 : nil }
        #expect(band.confidence < 0.95)
    }

    @Test("a region that has the same place in two slices counts in both, one that is thin in its slice in neither")
    func slices() {
        let once = Self.confidence { i, j, k in k == 0 && (4..<9).contains(i) && (3..<7).contains(j) ? 0.5 : nil }
        let twice = Self.confidence { i, j, _ in (4..<9).contains(i) && (3..<7).contains(j) ? 0.5 : nil }
        let without = 1 - Self.edge
        #expect(
            abs((without - twice.confidence) - 2 * (without - once.confidence)) < 1e-12 && once.confidence < without
        )
        let thin = Self.confidence { i, j, _ in (4..<9).contains(i) && j == 3 ? 0.5 : nil }
        #expect(abs(thin.confidence - without) < 1e-12)
    }

    @Test("what counts is the union of all crosses of three by three pixels that lie in doubt", arguments: 1...20)
    func opening(_ seed: UInt64) {
        var random = SeededRandom(seed)
        let field = (0..<Self.geometry.dimensions.voxelCount).map { _ -> Float? in
            // Dense enough for crosses; some scores are too near to 0 and 1 for a doubt.
            random.next() % 10 < 8 ? Float(random.next() % 1001) / 1000 : nil
        }
        func place(_ i: Int, _ j: Int, _ k: Int) -> Int { i + Self.columns * (j + Self.rows * k) }
        func isDoubt(_ i: Int, _ j: Int, _ k: Int) -> Bool {
            guard (0..<Self.columns).contains(i), (0..<Self.rows).contains(j), let p = field[place(i, j, k)] else {
                return false
            }
            return p > 0.02 && p < 0.98
        }
        var isCovered = [Bool](repeating: false, count: field.count)
        let cross = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
        for k in 0..<2 {
            for j in 0..<Self.rows {
                for i in 0..<Self.columns where cross.allSatisfy({ isDoubt(i + $0.0, j + $0.1, k) }) {
                    for (di, dj) in cross { isCovered[place(i + di, j + dj, k)] = true }
                }
            }
        }
        let wrong = field.indices.filter { isCovered[$0] }.reduce(0.0) { $0 + Double(min(field[$1]!, 1 - field[$1]!)) }
        let (value, pixels) = Self.confidence { i, j, k in field[place(i, j, k)] }
        #expect(wrong > 0 && abs(value - (1 - wrong / pixels - Self.edge)) < 1e-6)
    }

    @Test(
        "a slip has less of it than a whole structure with edges as sharp: a layer of 0.1 mm of all its sides is a larger part",
        arguments: [(4, 4), (12, 10)]
    )
    func surface(_ wide: Int, _ high: Int) {
        var labels = Volume<UInt8>(geometry: Self.geometry, repeating: 0)
        for k in 0..<2 { for j in 5..<5 + high { for i in 5..<5 + wide { labels[i, j, k] = 1 } } }
        let sure = Self.judged(labels, labels.voxels.map { $0 == 1 ? 1 : 0 })
        // Four sides, in two slices; the ends are those of the scan, where no edge was decided. Voxels of 2 x 3 x 5 mm.
        let surfaceMM2 = Double(2 * 2 * (high * 3 * 5 + wide * 2 * 5))
        let volumeMM3 = Double(wide * high * 2 * 2 * 3 * 5)
        #expect(abs(sure.confidence - (1 - 0.1 * surfaceMM2 / volumeMM3)) < 1e-12)
    }

    @Test("the layer is one of the surface and the volume in mm, also where the CT has other voxels than the network")
    func otherGrid() {
        let identity = ConfidenceCalibration(knots: [.init(raw: 0, calibrated: 0), .init(raw: 1, calibrated: 1)])
        let ct = PatientOutlineTests.ct()
        let result = PatientOutlineTests.judged(
            on: ct,
            change: { $0.rois[0].confidence = identity },
            label: { ToyChest.ellipse($0, Vector3(60, 0, 0), Vector3(30, 30, 30)) ? 1 : 0 }
        )
        let (labels, d, s) = (result.labelMap.volume, ct.dimensions, ct.spacing)
        var surfaceMM2 = 0.0
        for k in 1..<d.k {
            for j in 1..<d.j {
                for i in 1..<d.i {
                    let isInside = labels[i, j, k] == 1
                    if isInside != (labels[i - 1, j, k] == 1) { surfaceMM2 += s.y * s.z }
                    if isInside != (labels[i, j - 1, k] == 1) { surfaceMM2 += s.x * s.z }
                    if isInside != (labels[i, j, k - 1] == 1) { surfaceMM2 += s.x * s.y }
                }
            }
        }
        let ball = result.structures[0]
        let layer = 0.1 * surfaceMM2 / (ball.volumeML * 1000)
        // The volume of the ball is that of the network's pixels.
        #expect(
            ball.found && layer > 0.01 && abs((1 - ball.confidence) / layer - 1) < 0.05,
            "\(ball.confidence), \(layer)"
        )
    }

    @Test("a structure in which nothing is sure has none left, not less")
    func nothing() {
        var labels = Volume<UInt8>(geometry: Self.geometry, repeating: 0)
        for j in 8..<12 { for i in 8..<12 { labels[i, j, 0] = 1 } }
        let left = Self.judged(labels, labels.voxels.map { $0 == 1 ? 0.6 : 0.4 })
        #expect(left.found && left.confidence == 0)
    }
}
