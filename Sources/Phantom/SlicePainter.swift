import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// Paints one slice of a phantom: organs, vessels, partial volume, the scanner's blur and noise.
struct SlicePainter: Sendable {
    let person: ThoraxAnatomy
    let vessels: VesselGrid
    let scan: PhantomScan
    let seed: UInt64

    func paint(_ k: Int) -> (hu: [Int16], organs: [UInt8]) {
        let dimensions = scan.geometry.dimensions
        let plane = dimensions.i * dimensions.j
        var organs = [UInt8](repeating: 0, count: plane)
        var signal = [Float](repeating: 0, count: plane)
        let offsets = subSlices()
        for offset in offsets {
            for j in 0..<dimensions.j {
                for i in 0..<dimensions.i {
                    let point = scan.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k) + offset)
                    let organ = person.organ(x: point.x, y: point.y, z: point.z)
                    let n = j * dimensions.i + i
                    if offset == 0 { organs[n] = organ.rawValue }
                    signal[n] += Float(attenuation(organ, at: point)) / Float(offsets.count)
                }
            }
        }
        blur(&signal, sigmaI: scan.kernelMM / scan.geometry.spacing.x, sigmaJ: scan.kernelMM / scan.geometry.spacing.y)
        let noise = noisePlane(k)
        var hu = [Int16](repeating: 0, count: plane)
        for n in 0..<plane {
            hu[n] = Int16(max(-1024, min(3071, (signal[n] + noise[n]).rounded())))
        }
        return (hu, organs)
    }

    /// Odd number of sample planes through a slice, so that one is its middle: partial volume of thick slices.
    private func subSlices() -> [Double] {
        let count = max(1, Int(scan.geometry.spacing.z / 2)) | 1
        return (0..<count).map { (Double($0) - Double(count / 2)) / Double(count) }
    }

    private func attenuation(_ organ: Organ, at point: PatientPoint) -> Double {
        let base = person.attenuation(of: organ)
        guard organ == .lungLeft || organ == .lungRight else { return base }
        // Dependent lung holds more blood: denser towards the back of a supine patient.
        let gravity = 0.45 * point.y
        let coverage = vessels.coverage(at: point.vector, voxelMM: scan.geometry.spacing.x)
        return (1 - coverage) * (base + gravity) + coverage * person.bloodHU
    }

    /// White noise widened in the plane as a reconstruction kernel does, then scaled back to `noiseHU`.
    private func noisePlane(_ k: Int) -> [Float] {
        let dimensions = scan.geometry.dimensions
        let plane = dimensions.i * dimensions.j
        let stream = SeededRandom.hash(seed &+ 77) &+ UInt64(k) &* UInt64(plane)
        var noise = (0..<plane).map { Float(SeededRandom.normal(stream &+ UInt64($0))) }
        let sigma = 0.6
        blur(&noise, sigmaI: sigma, sigmaJ: sigma)
        // A separable blur lowers the standard deviation by the sum of squared taps.
        let taps = gaussianTaps(sigma)
        let gain = taps.reduce(0) { $0 + $1 * $1 }
        for n in 0..<plane { noise[n] *= Float(scan.noiseHU) / gain }
        return noise
    }

    private func blur(_ plane: inout [Float], sigmaI: Double, sigmaJ: Double) {
        let columns = scan.geometry.dimensions.i
        let rows = scan.geometry.dimensions.j
        convolve(&plane, taps: gaussianTaps(sigmaI), count: columns, step: 1, lines: rows, lineStep: columns)
        convolve(&plane, taps: gaussianTaps(sigmaJ), count: rows, step: columns, lines: columns, lineStep: 1)
    }

    private func gaussianTaps(_ sigma: Double) -> [Float] {
        let radius = max(1, Int((3 * sigma).rounded(.up)))
        let raw = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / max(1e-6, sigma * sigma)) }
        let sum = raw.reduce(0, +)
        return raw.map { Float($0 / sum) }
    }

    /// Convolves lines of a plane with clamped edges.
    private func convolve(
        _ plane: inout [Float],
        taps: [Float],
        count: Int,
        step: Int,
        lines: Int,
        lineStep: Int
    ) {
        let radius = taps.count / 2
        var line = [Float](repeating: 0, count: count)
        for l in 0..<lines {
            for n in 0..<count { line[n] = plane[l * lineStep + n * step] }
            for n in 0..<count {
                var sum: Float = 0
                for t in 0..<taps.count { sum += taps[t] * line[min(count - 1, max(0, n + t - radius))] }
                plane[l * lineStep + n * step] = sum
            }
        }
    }
}
