import Imaging

/// Turns slices of the input volume into the network's channels: the slice itself between its neighbours at a
/// fixed distance in mm, foot side first, all clipped to the window and scaled to 0...1.
package struct SliceStack: Sendable {
    let input: InputDescription

    package init(input: InputDescription) { self.input = input }

    /// Writes the channels for some columns and rows of slice k, each `rows * columns` long, i fastest.
    package func write(
        slice k: Int,
        columns: Range<Int>,
        rows: Range<Int>,
        of volume: Volume<Float>,
        into out: UnsafeMutableBufferPointer<Float>
    ) {
        let d = volume.geometry.dimensions
        let last = Double(volume.geometry.dimensions.k - 1)
        let step = input.neighbourDistanceMM / volume.geometry.spacing.z
        for channel in 0..<input.channels {
            let position = Double(k) + Double(channel - input.neighbourSlices) * step
            let inside = min(max(position, 0), last)
            let lower = Int(inside)
            let upper = min(lower + 1, Int(last))
            let weight = Float(inside - Double(lower))
            var place = channel * rows.count * columns.count
            for j in rows {
                let (a, b) = (d.i * (j + d.j * lower), d.i * (j + d.j * upper))
                for i in columns {
                    let value = volume.voxels[a + i]
                    out[place] = scaled(weight == 0 ? value : value + (volume.voxels[b + i] - value) * weight)
                    place += 1
                }
            }
        }
    }

    @inline(__always)
    func scaled(_ hu: Float) -> Float {
        let (lower, upper) = (Float(input.windowHU.lower), Float(input.windowHU.upper))
        return (min(max(hu, lower), upper) - lower) / (upper - lower)
    }
}
