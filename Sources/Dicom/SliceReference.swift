import Imaging

/// The image a slice of a volume came from, as contours and segments refer to it.
package struct SliceReference: Codable, Sendable, Hashable {
    package var sopClassUID: String
    package var sopInstanceUID: String
    /// Centre of the first pixel as the image itself says, LPS mm.
    package var position: PatientPoint
    package var instanceNumber: Int?
    /// 1-based frame of an enhanced multi-frame image; `nil` for a classic one.
    package var frameNumber: Int?

    package init(
        sopClassUID: String,
        sopInstanceUID: String,
        position: PatientPoint,
        instanceNumber: Int? = nil,
        frameNumber: Int? = nil
    ) {
        self.sopClassUID = sopClassUID
        self.sopInstanceUID = sopInstanceUID
        self.position = position
        self.instanceNumber = instanceNumber
        self.frameNumber = frameNumber
    }
}
