#if canImport(Glibc)
import Glibc
#endif

/// The layers of the body around the chest cavity as radii over angle and height: cavity, ribs, muscle, skin.
///
/// Tabulated once a person, so that the outlines may be as intricate as they like.
struct ChestWall: Sendable {
    static let angles = 120
    static let stepMM: Float = 4
    private let lowest: Float
    private let rows: Int
    /// cavity, end of the deep layer with the ribs, end of the muscles, outer edge, by row and angle.
    private let table: [SIMD4<Float>]

    /// Radii at a point.
    struct Layers {
        var radius: Float
        var angle: Float
        var cavity: Float
        var ribs: Float
        var muscle: Float
        var skin: Float
    }

    init(_ person: ThoraxAnatomy, seed: UInt64, lowest: Float, highest: Float) {
        self.lowest = lowest
        rows = Int((highest - lowest) / ChestWall.stepMM) + 2
        let uneven = ValueNoise(seed: seed &+ 401, cellMM: 1)
        var table: [SIMD4<Float>] = []
        table.reserveCapacity(rows * ChestWall.angles)
        for row in 0..<rows {
            let z = lowest + Float(row) * ChestWall.stepMM
            for n in 0..<ChestWall.angles {
                let angle = Float(n) * 2 * .pi / Float(ChestWall.angles)
                table.append(ChestWall.radii(person, angle > .pi ? angle - 2 * .pi : angle, z, uneven))
            }
        }
        self.table = table
    }

    @inline(__always)
    func layers(_ p: Point, centreY: Float) -> Layers {
        let dy = p.y - centreY
        let radius = (p.x * p.x + dy * dy).squareRoot()
        let angle = atan2f(p.x, -dy)
        let turn = (angle < 0 ? angle + 2 * .pi : angle) * (Float(ChestWall.angles) / (2 * .pi))
        let row = clamp((p.z - lowest) / ChestWall.stepMM, 0, Float(rows) - 1.001)
        let (i, j) = (min(Int(turn), ChestWall.angles - 1), Int(row))
        let (u, v) = (turn - Float(i), row - Float(j))
        let next = i + 1 == ChestWall.angles ? 0 : i + 1
        let layers: SIMD4<Float> = table.withUnsafeBufferPointer { t in
            let a = t[j * ChestWall.angles + i] * (1 - u) + t[j * ChestWall.angles + next] * u
            let b = t[(j + 1) * ChestWall.angles + i] * (1 - u) + t[(j + 1) * ChestWall.angles + next] * u
            return a * (1 - v) + b * v
        }
        return Layers(
            radius: radius,
            angle: angle,
            cavity: layers.x,
            ribs: layers.y,
            muscle: layers.z,
            skin: layers.w
        )
    }

    private static func radii(_ person: ThoraxAnatomy, _ angle: Float, _ z: Float, _ uneven: ValueNoise) -> SIMD4<Float>
    {
        let cavity = person.cavityRadius(angle, z)
        let phi = abs(angle)
        let apex = person.apexHeight
        let wave = Point(3 * sinf(angle), 3 * cosf(angle), z / 45)
        // Above the first rib nothing is left of the cage.
        let cage = 1 - ramp(z, apex - 12, apex + 12)
        let ribs = cavity + 11 * cage + 4 * (1 - cage)
        let m = person.muscularity
        // Pectorals in front, serratus and latissimus at the side, trapezius and erector spinae behind.
        let pectoral = 17 * m * bell(phi - 0.75, 0.42) * ramp(z, 0.22 * apex, 0.55 * apex)
        let side = (11 * bell(phi - 1.9, 0.7) + 5 * bell(phi - 2.5, 0.5)) * m * (0.55 + 0.45 * ramp(z, -40, 0.6 * apex))
        let shoulder = 40 * m * bell(phi - 2.05, 0.5) * ramp(z, 0.28 * apex, 0.85 * apex)
        let back = 22 * m * bell(phi - 2.83, 0.27) + 12 * bell(phi - .pi, 0.2)
        let belly = 8 * m * ramp(-z, 0, 70) * (phi < 1.3 ? 1 : 0.8)
        // The muscles beside the spine fill the hollow of the cage.
        let dip = person.backDip(angle)
        let hollow = cavity * dip / (1 - dip) * 0.9
        var muscle = ribs + 2 + hollow + pectoral + side + shoulder + back + belly
        let fat = person.fatThickness
        let thick =
            fat
            * (0.35 + 0.75 * bell(phi - 1.35, 0.75) + 0.25 * bell(phi - 2.4, 0.4) + 0.35 * ramp(-z, 0, 80)
                * bell(phi, 1))
            * (1 - 0.35 * ramp(z, 0.5 * apex, apex))
        var skin = muscle + 3 + max(0, thick * (1 + 0.18 * uneven(wave)))
        // Shoulders widen the outline and are full of muscle; then the neck narrows it.
        let neckBegin = apex - 8
        let shoulders = ramp(z, 0.5 * apex, apex - 22)
        let wide = superellipse(
            angle,
            person.shoulderHalfWidth,
            0.72 * person.cavityHalfDepth,
            0.86 * person.cavityHalfDepth,
            2.3
        )
        if shoulders > 0 {
            let target = max(skin, skin + (wide - skin) * (1 - 0.6 * ramp(phi, 2.7, 3.05)))
            skin += (target - skin) * shoulders
            muscle += (max(muscle, skin - 5 - 0.45 * fat) - muscle) * shoulders
        }
        let neck = ramp(z, neckBegin, apex + 75)
        if neck > 0 {
            let round = superellipse(angle, 62, 56, 60, 2.1) + 0.25 * fat
            let t = powf(neck, 0.55)
            skin += (round - skin) * t
            muscle += (round - 4 - 0.25 * fat - muscle) * t
        }
        // No spinous process lies bare: muscle and fat cover it, in the neck the ligament behind it too.
        if phi > 2.2, z < apex + 100 {
            let bone = person.spineBackY(z) - person.cavityCentreY(z)
            let cover = (bone + 3 - 9 * ramp(.pi - phi, 0.1, 0.75)) / max(0.5, -cosf(phi))
            let fade = ramp(phi, 2.2, 2.75)
            muscle += max(0, cover - muscle) * fade
            skin = max(skin, muscle + (4.5 + 0.3 * fat) * fade)
        }
        // Head.
        let head = ramp(z, apex + 105, apex + 150)
        if head > 0 {
            let t = clamp((z - apex - 190) / 95, -1, 1)
            let narrow = sqrtf(max(0.0004, 1 - t * t * t * t))
            let round = superellipse(angle, 76 * narrow, 98 * narrow, 96 * narrow, 2.1)
            skin += (round - skin) * head
            muscle += (round - 5 - muscle) * head
        }
        muscle = min(muscle, skin - 2.5)
        return SIMD4(cavity, min(ribs, muscle), muscle, skin)
    }

    private static func superellipse(_ angle: Float, _ a: Float, _ front: Float, _ back: Float, _ n: Float) -> Float {
        let (s, c) = (sinf(angle), cosf(angle))
        let b = c > 0 ? front : back
        return powf(powf(abs(s) / a, n) + powf(abs(c) / b, n), -1 / n)
    }
}

extension ChestWall {
    /// y of the skin in front of the chest at a place from side to side.
    func frontSkinY(_ x: Float, _ z: Float, centreY: Float) -> Float {
        var (inside, outside) = (centreY, centreY - 260)
        for _ in 0..<16 {
            let y = 0.5 * (inside + outside)
            let layers = layers(Point(x, y, z), centreY: centreY)
            if layers.radius < layers.skin { inside = y } else { outside = y }
        }
        return inside
    }

    /// Distance from the middle of the cavity to its back wall at a height, beside the spine.
    func backDepth(_ z: Float) -> Float {
        let row = min(max(Int((z - lowest) / ChestWall.stepMM), 0), rows - 1)
        return table[row * ChestWall.angles + ChestWall.angles / 2].x
    }
}
