import Foundation

/// What one training sample looks like after its changes are drawn. Left and right are never exchanged: the
/// linear part of the map always has a positive determinant and turns by less than a right angle.
package struct Augmentation: Sendable {
    /// Picture offset from its centre (pixels) to source offset: row-major 2x2.
    package var matrix: (Float, Float, Float, Float) = (1, 0, 0, 1)
    /// Source offset, pixels.
    var shift: (Float, Float) = (0, 0)
    /// Displacements of a coarse lattice, pixels, x then y; empty without elastic change.
    var displacement: [(Float, Float)] = []
    var neighbourScale: Double = 1
    var hasNeighbours = true
    var truncation: Truncation = .none
    var offsetHU: Float = 0
    var contrast: Float = 1
    var gamma: Float = 1
    var noiseHU: Float = 0
    /// Standard deviation, pixels.
    var blur: Float = 0
    /// How many times as large the pixels were.
    var coarseness: Float = 1

    package enum Truncation: Sendable, Equatable {
        case none
        /// Everything outside a circle around the centre of the picture is air; pixels.
        case circle(x: Float, y: Float, radius: Float)
        case box(left: Int, top: Int, right: Int, bottom: Int)
    }

    /// Lattice points along each side of the picture.
    static let latticeSide = 6
}

extension Augmentation {
    package init(
        _ c: AugmentationConfiguration,
        input: InputDescription,
        random: inout SeededRandom
    ) {
        let pixel = input.pixelSpacingMM
        if random.happens(c.geometryProbability) { drawGeometry(c, pixel: pixel, random: &random) }
        if random.happens(c.intensityProbability) {
            offsetHU = Float(random.uniform(-c.shiftHU, c.shiftHU))
            contrast = Float(random.uniform(1 - c.contrast, 1 + c.contrast))
        }
        if random.happens(c.gammaProbability) { gamma = Float(random.factor(c.gamma)) }
        if random.happens(c.noiseProbability) { noiseHU = Float(random.uniform(0, c.noiseHU)) }
        if random.happens(c.blurProbability) { blur = Float(random.uniform(0, c.blurMM) / pixel) }
        neighbourScale = random.factor(c.neighbourScale)
        if random.happens(c.truncationProbability) { drawTruncation(input, random: &random) }
        // Not drawn where it is off: recipes from before it was there give the samples that they gave.
        if c.lowResolutionProbability > 0, random.happens(c.lowResolutionProbability) {
            coarseness = Float(random.uniform(1, c.lowResolution))
        }
        if c.halfProbability > 0, random.happens(c.halfProbability) { drawHalf(input, random: &random) }
    }

    /// A field of view around one side of the patient: the picture moves towards it, and ends near the midline.
    private mutating func drawHalf(_ input: InputDescription, random: inout SeededRandom) {
        let (w, h) = (Double(input.columns), Double(input.rows))
        let pixel = input.pixelSpacingMM
        let side: Double = random.happens(0.5) ? 1 : -1
        let moved = random.uniform(30, 100)
        let cut = w / 2 - side * (moved + random.uniform(-40, 40)) / pixel
        shift.0 += Float(side * moved / pixel)
        truncation =
            side > 0
            ? .box(left: Int(cut), top: 0, right: Int(w), bottom: Int(h))
            : .box(left: 0, top: 0, right: Int(cut), bottom: Int(h))
    }

    private mutating func drawGeometry(
        _ c: AugmentationConfiguration,
        pixel: Double,
        random: inout SeededRandom
    ) {
        let angle = random.uniform(-c.rotationDegrees, c.rotationDegrees) * .pi / 180
        let common = random.factor(c.scale)
        // A little of the scale differs between width and depth of the chest.
        let stretch = random.factor(c.scale.squareRoot().squareRoot())
        let (sx, sy) = (1 / (common * stretch), stretch / common)
        matrix = (
            Float(cos(angle) * sx), Float(-sin(angle) * sx), Float(sin(angle) * sy), Float(cos(angle) * sy)
        )
        shift = (
            Float(random.uniform(-c.shiftMM, c.shiftMM) / pixel), Float(random.uniform(-c.shiftMM, c.shiftMM) / pixel)
        )
        guard c.elasticMM > 0, random.happens(0.5) else { return }
        let deviation = random.uniform(0, c.elasticMM) / pixel
        displacement = (0..<(Self.latticeSide * Self.latticeSide)).map { _ in
            (Float(random.normal() * deviation), Float(random.normal() * deviation))
        }
    }

    private mutating func drawTruncation(_ input: InputDescription, random: inout SeededRandom) {
        let (w, h) = (Double(input.columns), Double(input.rows))
        switch random.index(3) {
        case 0:
            truncation = .circle(
                x: Float(random.uniform(0.4, 0.6) * w),
                y: Float(random.uniform(0.4, 0.6) * h),
                radius: Float(random.uniform(0.3, 0.5) * min(w, h))
            )
        case 1:
            truncation = .box(
                left: Int(random.uniform(0, 0.3) * w),
                top: Int(random.uniform(0, 0.3) * h),
                right: Int(random.uniform(0.7, 1) * w),
                bottom: Int(random.uniform(0.7, 1) * h)
            )
        default: hasNeighbours = false
        }
    }

    /// Source position in pixels of the cached slice for a pixel of the picture.
    @inline(__always)
    package func source(_ x: Int, _ y: Int, columns: Int, rows: Int, margin: Int) -> (Float, Float) {
        let (cx, cy) = (Float(columns - 1) / 2, Float(rows - 1) / 2)
        let (dx, dy) = (Float(x) - cx, Float(y) - cy)
        var u = matrix.0 * dx + matrix.1 * dy + shift.0 + cx + Float(margin)
        var v = matrix.2 * dx + matrix.3 * dy + shift.1 + cy + Float(margin)
        if !displacement.isEmpty {
            let moved = elastic(Float(x) / Float(columns - 1), Float(y) / Float(rows - 1))
            u += moved.0
            v += moved.1
        }
        return (u, v)
    }

    /// Displacement at a place in the picture (0...1 in both directions), smooth between lattice points.
    private func elastic(_ x: Float, _ y: Float) -> (Float, Float) {
        let side = Self.latticeSide
        let (px, py) = (x * Float(side - 1), y * Float(side - 1))
        let (i, j) = (min(Int(px), side - 2), min(Int(py), side - 2))
        let (a, b) = (smooth(px - Float(i)), smooth(py - Float(j)))
        let (p, q) = (displacement[i + side * j], displacement[i + 1 + side * j])
        let (r, s) = (displacement[i + side * (j + 1)], displacement[i + 1 + side * (j + 1)])
        func mix(_ p: Float, _ q: Float, _ r: Float, _ s: Float) -> Float {
            (p * (1 - a) + q * a) * (1 - b) + (r * (1 - a) + s * a) * b
        }
        return (mix(p.0, q.0, r.0, s.0), mix(p.1, q.1, r.1, s.1))
    }

    private func smooth(_ t: Float) -> Float { t * t * (3 - 2 * t) }

    /// Whether the simulated field of view leaves this pixel out.
    @inline(__always)
    package func isTruncated(_ x: Int, _ y: Int) -> Bool {
        switch truncation {
        case .none: return false
        case .circle(let cx, let cy, let radius):
            let (dx, dy) = (Float(x) - cx, Float(y) - cy)
            return dx * dx + dy * dy > radius * radius
        case .box(let left, let top, let right, let bottom): return x < left || x > right || y < top || y > bottom
        }
    }
}

extension AugmentationConfiguration {
    /// Key and reason of the first value that cannot be; nil when all can.
    func firstProblem() -> (String, String)? {
        let probabilities = [
            ("geometryProbability", geometryProbability), ("intensityProbability", intensityProbability),
            ("gammaProbability", gammaProbability), ("noiseProbability", noiseProbability),
            ("blurProbability", blurProbability), ("lowResolutionProbability", lowResolutionProbability),
            ("truncationProbability", truncationProbability), ("halfProbability", halfProbability),
        ]
        if let wrong = probabilities.first(where: { !(0...1).contains($0.1) }) { return (wrong.0, "0 to 1") }
        // A quarter turn and more would show the patient as no scanner does.
        let ranges: [(String, Double, ClosedRange<Double>)] = [
            ("rotationDegrees", rotationDegrees, 0...60), ("scale", scale, 1...4), ("shiftMM", shiftMM, 0...500),
            ("elasticMM", elasticMM, 0...50), ("shiftHU", shiftHU, 0...1000), ("contrast", contrast, 0...0.9),
            ("gamma", gamma, 1...5), ("noiseHU", noiseHU, 0...1000), ("blurMM", blurMM, 0...50),
            ("lowResolution", lowResolution, 1...8), ("neighbourScale", neighbourScale, 1...10),
        ]
        guard let wrong = ranges.first(where: { !$0.2.contains($0.1) }) else { return nil }
        return (wrong.0, String(format: "%g to %g", wrong.2.lowerBound, wrong.2.upperBound))
    }
}
