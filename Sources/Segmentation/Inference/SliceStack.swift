import Imaging

/// Turns slices of the input volume into the network's channels: the slice itself between its neighbours at a
/// fixed distance in mm, foot side first, all clipped to the window and scaled to 0...1.
struct SliceStack: Sendable {
    let input: InputDescription

    /// Writes the channels for slice k, each `rows * columns` long, i fastest.
    func write(slice k: Int, of volume: Volume<Float>, into out: UnsafeMutableBufferPointer<Float>) {
        let plane = volume.geometry.planeCount
        let last = Double(volume.geometry.dimensions.k - 1)
        let step = input.neighbourDistanceMM / volume.geometry.spacing.z
        for channel in 0..<input.channels {
            let position = Double(k) + Double(channel - input.neighbourSlices) * step
            let inside = min(max(position, 0), last)
            let lower = Int(inside)
            let upper = min(lower + 1, Int(last))
            let weight = Float(inside - Double(lower))
            for n in 0..<plane {
                let a = volume.voxels[lower * plane + n]
                let value = weight == 0 ? a : a + (volume.voxels[upper * plane + n] - a) * weight
                out[channel * plane + n] = scaled(value)
            }
        }
    }

    @inline(__always)
    func scaled(_ hu: Float) -> Float {
        let (lower, upper) = (Float(input.windowHU.lower), Float(input.windowHU.upper))
        return (min(max(hu, lower), upper) - lower) / (upper - lower)
    }
}
