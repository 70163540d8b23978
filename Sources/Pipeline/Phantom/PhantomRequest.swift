import Imaging
import Phantom

/// Signs of the patient axes along columns, rows and slices: `+x+y+z` is a supine patient, head first.
package struct AxisSigns: Sendable, Hashable {
    package var x: Double
    package var y: Double
    package var z: Double

    package static let supineHeadFirst = AxisSigns(x: 1, y: 1, z: 1)

    private init(x: Double, y: Double, z: Double) { (self.x, self.y, self.z) = (x, y, z) }

    /// From text such as `-x+y-z`; nil when it is not of that form.
    package init?(_ text: String) {
        let characters = Array(text)
        guard characters.count == 6, [characters[1], characters[3], characters[5]] == ["x", "y", "z"] else {
            return nil
        }
        let signs = [0, 2, 4].map { characters[$0] }
        guard signs.allSatisfy({ $0 == "+" || $0 == "-" }) else { return nil }
        (x, y, z) = (signs[0] == "+" ? 1 : -1, signs[1] == "+" ? 1 : -1, signs[2] == "+" ? 1 : -1)
    }
}

/// What `contourctl phantom` is asked for.
package struct PhantomRequest: Sendable {
    package var seed: UInt64
    package var columns: Int
    package var rows: Int
    /// nil: enough for both lungs.
    package var slices: Int?
    /// Column, row and slice spacing, mm.
    package var spacing: Vector3
    package var signs: AxisSigns
    package var noiseHU: Double
    package var withTruth: Bool
    /// Disease, implants, contrast medium, pose.
    package var options = PhantomOptions()
    package var kind = PhantomScan.Kind.standard
    /// Patient, scan, range and orientation by chance; of the grid only `columns` counts.
    package var isRandom = false
    /// How far outside of the edge of a lung its true contour lies, mm (`PhantomScan.lungMarginMM`).
    package var lungMarginMM = 0.0

    package init(
        seed: UInt64,
        columns: Int,
        rows: Int,
        slices: Int?,
        spacing: Vector3,
        signs: AxisSigns,
        noiseHU: Double,
        withTruth: Bool
    ) {
        self.seed = seed
        self.columns = columns
        self.rows = rows
        self.slices = slices
        self.spacing = spacing
        self.signs = signs
        self.noiseHU = noiseHU
        self.withTruth = withTruth
    }
}
