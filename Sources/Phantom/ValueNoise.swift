import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// A point or displacement of the person in single precision, LPS mm.
typealias Point = SIMD3<Float>

/// The whole and the fractional part of a point; the generic conversions of SIMD types are many times slower.
@inline(__always)
func cellAndPart(_ q: Point) -> (cell: SIMD3<Int32>, part: Point) {
    let cut = SIMD3<Int32>(Int32(q.x), Int32(q.y), Int32(q.z))
    let cutBack = Point(Float(cut.x), Float(cut.y), Float(cut.z))
    let below = Point(q.x < cutBack.x ? 1 : 0, q.y < cutBack.y ? 1 : 0, q.z < cutBack.z ? 1 : 0)
    let whole = cutBack - below
    return (SIMD3(Int32(whole.x), Int32(whole.y), Int32(whole.z)), q - whole)
}

/// Smooth noise in space: random values on a cubic lattice, interpolated with the smoothstep of Perlin ("An image
/// synthesizer", SIGGRAPH 1985). Any point can be asked in any order, so every thread sees the same noise.
struct ValueNoise: Sendable {
    private let seed: UInt32
    /// Lattice points per mm.
    private let frequency: Float

    init(seed: UInt64, cellMM: Float) {
        self.seed = UInt32(truncatingIfNeeded: SeededRandom.hash(seed))
        frequency = 1 / cellMM
    }

    /// A value between -1 and 1 with mean 0.
    @inline(__always)
    func callAsFunction(_ p: Point) -> Float {
        let q = p * frequency
        let (cell, f) = cellAndPart(q)
        let t = f * f * (3 - 2 * f)
        let x = SIMD4<UInt32>(repeating: UInt32(bitPattern: cell.x)) &+ SIMD4(0, 1, 0, 1)
        let y = SIMD4<UInt32>(repeating: UInt32(bitPattern: cell.y)) &+ SIMD4(0, 0, 1, 1)
        let z = UInt32(bitPattern: cell.z)
        let plane = (x &* 0x9E37_79B1) ^ (y &* 0x85EB_CA77)
        let low = ValueNoise.scramble(plane ^ (z &* 0xC2B2_AE3D &+ seed))
        let high = ValueNoise.scramble(plane ^ ((z &+ 1) &* 0xC2B2_AE3D &+ seed))
        let mixed = low + (high - low) * t.z
        let bottom = mixed[0] + (mixed[1] - mixed[0]) * t.x
        let top = mixed[2] + (mixed[3] - mixed[2]) * t.x
        return bottom + (top - bottom) * t.y
    }

    /// 1 on thin winding lines, where two noises pass through zero at once, falling to 0 beside them: small vessels.
    @inline(__always)
    func threads(_ p: Point) -> Float {
        let first = 1 - ramp(abs(self(p)), 0.02, 0.13)
        return first > 0 ? first * (1 - ramp(abs(self(Point(p.y, p.z, p.x) + 19)), 0.02, 0.13)) : 0
    }

    /// Four lattice words to four values in -1...1 (a finalizer in the manner of MurmurHash3).
    @inline(__always)
    private static func scramble(_ words: SIMD4<UInt32>) -> SIMD4<Float> {
        var w = words
        w = (w ^ (w &>> 16)) &* 0x85EB_CA6B
        w = (w ^ (w &>> 13)) &* 0xC2B2_AE35
        w = w ^ (w &>> 16)
        // 23 random bits as the fraction of a number in 2..<4.
        return unsafeBitCast((w &>> 9) | 0x4000_0000, to: SIMD4<Float>.self) - 3
    }
}

/// Smooth displacement of space: makes every surface of the anatomy a little irregular, in one patient its own way.
///
/// Random vectors on a lattice, interpolated linearly between smoothed weights.
struct Warp: Sendable {
    private let cells: SIMD3<Int32>
    private let origin: Point
    private let frequency: Float
    private var vectors: [Point]

    /// - Parameter amplitude: largest displacement along an axis, mm.
    init(seed: UInt64, cellMM: Float, amplitude: Float, low: Point, high: Point) {
        origin = low
        frequency = 1 / cellMM
        let counts = ((high - low) * frequency).rounded(.up) + 2
        cells = SIMD3<Int32>(counts)
        var random = SeededRandom(seed: seed, stream: 31)
        vectors = (0..<Int(cells.x) * Int(cells.y) * Int(cells.z)).map { _ in
            Point(
                random.float(-amplitude...amplitude),
                random.float(-amplitude...amplitude),
                random.float(-amplitude...amplitude)
            )
        }
    }

    @inline(__always)
    func displacement(at p: Point) -> Point {
        let (cell, f) = cellAndPart((p - origin) * frequency)
        let t = f * f * (3 - 2 * f)
        guard cell.x >= 0, cell.y >= 0, cell.z >= 0, cell.x < cells.x - 1, cell.y < cells.y - 1, cell.z < cells.z - 1
        else { return .zero }
        let row = Int(cells.x)
        let plane = row * Int(cells.y)
        let n = Int(cell.x) + Int(cell.y) * row + Int(cell.z) * plane
        return vectors.withUnsafeBufferPointer { v in
            let a = v[n] + (v[n + 1] - v[n]) * t.x
            let b = v[n + row] + (v[n + row + 1] - v[n + row]) * t.x
            let c = v[n + plane] + (v[n + plane + 1] - v[n + plane]) * t.x
            let d = v[n + plane + row] + (v[n + plane + row + 1] - v[n + plane + row]) * t.x
            let low = a + (b - a) * t.y
            return low + ((c + (d - c) * t.y) - low) * t.z
        }
    }
}

@inline(__always)
func length(_ v: Point) -> Float { (v * v).sum().squareRoot() }

@inline(__always)
func dot(_ a: Point, _ b: Point) -> Float { (a * b).sum() }

/// The direction of a vector; straight up for the zero vector.
func unit(_ v: Point) -> Point {
    let size = length(v)
    return size > 0 ? v / size : Point(0, 0, 1)
}

@inline(__always)
func clamp(_ x: Float, _ low: Float = 0, _ high: Float = 1) -> Float { min(max(x, low), high) }

/// 0 below `low`, 1 above `high`, smooth between.
@inline(__always)
func ramp(_ x: Float, _ low: Float, _ high: Float) -> Float {
    let t = clamp((x - low) / (high - low))
    return t * t * (3 - 2 * t)
}

/// A bell of height 1 around 0.
func bell(_ x: Float, _ width: Float) -> Float { expf(-(x / width) * (x / width)) }

/// The smaller of two distances, rounded where both are alike (Quilez's polynomial smooth minimum).
@inline(__always)
func smoothMin(_ a: Float, _ b: Float, _ radius: Float) -> Float {
    let h = max(radius - abs(a - b), 0) / radius
    return min(a, b) - h * h * radius * 0.25
}
