import Imaging

extension VolumeGeometry {
    /// The spacing that distances are measured with, mm. Spacing that was computed from rounded positions or from the columns of
    /// a turned float32 matrix misses the scanner's by parts in a million: 3.00000007 for 3. A distance of one slice would then
    /// lie beyond a tolerance of 3 mm, and a surface Dice of 1 become 0.76. What lies that close to a thousandth of a millimetre
    /// is taken for it. Spacing that was given stays as it is: DICOM's decimals, and a float32 of a NIfTI header, with which
    /// the published code computes as well.
    package var measuredSpacing: Vector3 {
        func exact(_ value: Double) -> Double {
            guard Double(Float(value)) != value else { return value }
            let thousandth = (value * 1000).rounded() / 1000
            return abs(value - thousandth) <= 2e-6 * value ? thousandth : value
        }
        return Vector3(exact(spacing.x), exact(spacing.y), exact(spacing.z))
    }

    /// How much farther than a tolerance a distance may be and count as within it, as a part of the tolerance. A float32 of a
    /// NIfTI header says 1.2 mm as 1.2000000477: masks that lie a slice apart would be beyond a tolerance of 1.2 mm, and
    /// within it on the grid of their CT, or as a Segmentation. Zero where the spacing has all of its digits.
    var toleranceSlack: Double {
        let isRounded = (0..<3).contains { axis in
            let single = Float(spacing[axis])
            return Double(single) == spacing[axis] && Double(single.description) != spacing[axis]
        }
        return isRounded ? Double(Float.ulpOfOne) : 0
    }
}
