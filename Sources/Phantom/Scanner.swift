import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// What a scanner makes of the true attenuation: sharpness, noise, streaks, cupping, a round field of view.
struct Scanner: Sendable {
    let scan: PhantomScan
    let seed: UInt64
    /// Where the body lies, patient coordinates in mm: rays through its middle are weakened most.
    private let middle: SIMD2<Float>
    private let angular: ValueNoise

    init(scan: PhantomScan, turn: PhantomOptions.Pose, seed: UInt64) {
        (self.scan, self.seed) = (scan, seed)
        middle = SIMD2(Float(turn.x), Float(turn.y))
        angular = ValueNoise(seed: seed &+ 200, cellMM: 1)
    }

    func picture(of slice: SlicePainter.Slice, k: Int) -> [Int16] {
        var hu = slice.hu
        // Metal first: it throws its streaks through everything.
        addStreaks(&hu, slice, k)
        let (px, py) = (Float(scan.geometry.spacing.x), Float(scan.geometry.spacing.y))
        let sigma = Float(scan.kernelMM)
        hu.blur(sigma / px, sigma / py)
        if scan.edgeEnhancement > 0 {
            let smooth = hu.blurred(1.3 / px, 1.3 / py)
            let gain = Float(scan.edgeEnhancement)
            for n in hu.values.indices { hu.values[n] += gain * (hu.values[n] - smooth.values[n]) }
        }
        addNoise(&hu, k)
        return finish(hu, k)
    }

    // MARK: - Noise

    private func addNoise(_ hu: inout Plane, _ k: Int) {
        guard scan.noiseHU > 0 else { return }
        let (columns, rows) = (hu.columns, hu.rows)
        var noise = texture(k, columns, rows)
        // Thin slices share detector rows with their neighbours.
        let share = Float(max(0, min(0.55, 0.7 - scan.geometry.spacing.z / 4)))
        if share > 0 {
            let next = texture(k + 1, columns, rows)
            let own = (1 - share * share).squareRoot()
            for n in noise.values.indices { noise.values[n] = own * noise.values[n] + share * next.values[n] }
        }
        let level = Float(scan.noiseHU)
        forEachPixel(k) { n, square in
            // Most noise in the middle, where the rays are weakest.
            hu.values[n] += level * (1.12 - 0.45 * min(1, square / 50_000)) * noise.values[n]
        }
        addStarvation(&hu, k)
    }

    /// Noise with the spectrum of a reconstruction: rises with frequency like the ramp filter, then falls with the kernel.
    private func texture(_ k: Int, _ columns: Int, _ rows: Int) -> Plane {
        let stream = SeededRandom.hash(seed &+ 77) &+ UInt64(k) &* UInt64(columns * rows)
        var fine = Plane(columns: columns, rows: rows, whiteNoise: stream)
        let sigma = Float(scan.noiseCorrelationMM)
        let (px, py) = (Float(scan.geometry.spacing.x), Float(scan.geometry.spacing.y))
        fine.blur(sigma / px, sigma / py)
        let coarse = fine.blurred(1.6 * sigma / px, 1.6 * sigma / py)
        for n in fine.values.indices { fine.values[n] -= 0.75 * coarse.values[n] }
        fine.scale(toDeviation: 1)
        return fine
    }

    /// Rows through much bone, as at the shoulders, get too few photons: streaks along the row.
    private func addStarvation(_ hu: inout Plane, _ k: Int) {
        let columns = hu.columns
        let dx = Float(scan.geometry.spacing.x)
        for j in 0..<hu.rows {
            let base = j * columns
            var path: Float = 0
            for i in 0..<columns {
                let value = hu.values[base + i]
                path += max(0, value + 1000) + max(0, value - 150) * 0.7
            }
            let water = path * dx / 1000
            let strength = 0.3 * Float(scan.noiseHU) * (expf(min(3, (water - 330) / 62)) - 1)
            guard strength > 1 else { continue }
            var random = SeededRandom(seed: seed &+ 7, stream: UInt64(k * 4096 + j))
            var value: Float = 0
            let keep = expf(-dx / 26)
            let fresh = (1 - keep * keep).squareRoot()
            for i in 0..<columns {
                value = keep * value + fresh * random.float(-1.73...1.73)
                hu.values[base + i] += value * strength - 0.25 * strength
            }
        }
    }

    // MARK: - Streaks

    private func addStreaks(_ hu: inout Plane, _ slice: SlicePainter.Slice, _ k: Int) {
        // Dense spots, gathered in squares of 24 mm.
        var spots: [SIMD2<Int32>: (x: Float, y: Float, weight: Float)] = [:]
        let (dx, dy) = (Float(scan.geometry.spacing.x), Float(scan.geometry.spacing.y))
        for j in 0..<hu.rows {
            for i in 0..<hu.columns {
                let n = j * hu.columns + i
                let isMetal = slice.organs[n] == Organ.metal.rawValue && hu.values[n] > 1500
                let isContrast = slice.organs[n] == Organ.vein.rawValue && hu.values[n] > 350
                guard isMetal || isContrast else { continue }
                let (x, y) = (Float(i) * dx, Float(j) * dy)
                let weight = dx * dy * (isMetal ? 1 : 0.02 * hu.values[n] / 500)
                let cell = SIMD2<Int32>(Int32(x / 24), Int32(y / 24))
                var spot = spots[cell] ?? (0, 0, 0)
                spot = (spot.x + weight * x, spot.y + weight * y, spot.weight + weight)
                spots[cell] = spot
            }
        }
        guard !spots.isEmpty else { return }
        // In a fixed order, as sums of floating point numbers depend on it.
        let ordered = spots.sorted { ($0.key.y, $0.key.x) < ($1.key.y, $1.key.x) }.map(\.value)
        for spot in ordered.prefix(6) { addStar(&hu, spot.x / spot.weight, spot.y / spot.weight, spot.weight, k) }
    }

    private func addStar(_ hu: inout Plane, _ cx: Float, _ cy: Float, _ weight: Float, _ k: Int) {
        let strength = min(900, 60 * weight.squareRoot())
        let reach = 25 + 6 * weight.squareRoot()
        let (dx, dy) = (Float(scan.geometry.spacing.x), Float(scan.geometry.spacing.y))
        for j in 0..<hu.rows {
            for i in 0..<hu.columns {
                let (x, y) = (Float(i) * dx - cx, Float(j) * dy - cy)
                let radius = (x * x + y * y).squareRoot()
                let fall = strength * expf(-radius / reach)
                guard fall > 3, radius > 1 else { continue }
                let (c, s) = (x / radius, y / radius)
                // Streaks are symmetric about the metal: the direction, not its sign, decides.
                let ray = angular(Point((c * c - s * s) * 7, 2 * c * s * 7, Float(k) * 0.6 + cx))
                hu.values[j * hu.columns + i] += fall * ray * min(1, radius / 6)
            }
        }
    }

    // MARK: - Numbers

    /// Calls `visit` with each pixel and the square of its distance to the middle of the body, mm2.
    private func forEachPixel(_ k: Int, _ visit: (Int, Float) -> Void) {
        let g = scan.geometry
        let corner = Point(g.patientPoint(i: 0, j: 0, k: Double(k)).vector)
        let (stepI, stepJ) = (Point(g.directionI * g.spacing.x), Point(g.directionJ * g.spacing.y))
        for j in 0..<g.dimensions.j {
            let row = corner + stepJ * Float(j)
            for i in 0..<g.dimensions.i {
                let p = row + stepI * Float(i)
                let (x, y) = (p.x - middle.x, p.y - middle.y)
                visit(i + g.dimensions.i * j, x * x + y * y)
            }
        }
    }

    private func finish(_ hu: Plane, _ k: Int) -> [Int16] {
        var out = [Int16](repeating: 0, count: hu.values.count)
        let offset = Float(scan.offsetHU)
        let slope = 1 + Float(scan.scaleError)
        let cupping = Float(scan.cuppingHU)
        forEachPixel(k) { n, square in
            // Beam hardening: water in the middle reads a little low.
            let value = hu.values[n]
            let cup = cupping * (min(square, 60_000) / 32_400 - 0.5) * ramp(value, -500, -100)
            out[n] = Int16(max(-1024, min(3071, (value * slope + offset + cup).rounded())))
        }
        for n in out.indices where !scan.shows(pixel: n) { out[n] = Int16(scan.paddingHU) }
        return out
    }
}
