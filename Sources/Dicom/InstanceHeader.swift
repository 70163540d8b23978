import Imaging

/// What the rest of the software needs to know of one DICOM file: identity, kind, geometry and how its pixels
/// are coded. Holds no patient name, ID or date (the time of the day is none), so that it may be stored and sent between processes.
package struct InstanceHeader: Codable, Sendable, Hashable {
    // Identity.
    package var sopClassUID: String
    package var sopInstanceUID: String
    /// Empty for a DICOMDIR, as is the study.
    package var seriesInstanceUID: String
    package var studyInstanceUID: String
    package var frameOfReferenceUID: String?
    package var modality: String
    package var transferSyntaxUID: String
    /// Bytes of the file.
    package var fileSize: Int64

    // Place in the series.
    package var imageType: [String] = []
    package var seriesNumber: Int?
    package var instanceNumber: Int?
    package var acquisitionNumber: Int?
    package var temporalPositionIdentifier: Int?
    package var imagesInAcquisition: Int?
    package var numberOfSeriesRelatedInstances: Int?
    /// Of which larger multi-frame image this is a part.
    package var concatenation: Concatenation?

    // Pixels (PS3.3 C.7.6.3); zero where the object is no image.
    package var rows = 0
    package var columns = 0
    package var samplesPerPixel = 0
    package var photometricInterpretation = ""
    package var bitsAllocated = 0
    package var bitsStored = 0
    package var highBit = 0
    /// 0 unsigned, 1 two's complement.
    package var pixelRepresentation = 0
    /// Pixel Padding Value and Range Limit as the pixels would hold them: read with the sign of the pixels,
    /// whatever VR the file used (PS3.3 C.7.5.1.1.2).
    package var pixelPaddingValue: Int?
    package var pixelPaddingRangeLimit: Int?
    /// Slope and intercept cannot describe the values: there is a Modality LUT instead.
    package var hasModalityLUT = false
    /// One for each frame, in the order of the pixel data; empty where the object is no image.
    package var frames: [FrameHeader] = []

    // Acquisition.
    package var gantryTilt: Double?
    package var patientPosition: String?
    package var manufacturer: String?
    package var manufacturerModelName: String?
    package var convolutionKernel: String?
    /// Peak kilovoltage of the tube.
    package var kvp: Double?
    /// The pixels were compressed with losses at some time (PS3.3 C.7.6.1.1.5); nil where nobody can tell.
    package var isLossy: Bool?
    /// Equal for images of one patient and study. It names nobody: too short to be tried against names.
    package var identityMark: String?
    /// Text of the header is in no character set that it declares.
    package var hasUnknownText: Bool?
    /// Values of Derivation Code Sequence (0008,9215) in the coding scheme DCM.
    package var derivationCodes: [String]?

    /// Series that an RT Structure Set or a Segmentation refers to.
    package var referencedSeriesInstanceUIDs: [String] = []
    /// SOP Instances on which an RT Structure Set that refers to no Series has its closed contours, each once, sorted; nil
    /// where it does, or where one of the contours names no image.
    package var contouredInstanceUIDs: [String]?
}

/// A multi-frame image that was split into several instances (PS3.3 C.7.6.16.1.1 and C.7.6.16.2.2.4).
package struct Concatenation: Codable, Sendable, Hashable {
    package var uid: String
    /// From 1.
    package var number: Int
    /// How many parts there are; the attribute may be absent.
    package var total: Int?
}

/// Geometry and rescale of one frame (one slice of a CT).
package struct FrameHeader: Codable, Sendable, Hashable {
    /// Centre of the first pixel, LPS mm.
    package var position: PatientPoint?
    /// Unit vectors along increasing column index (a row) and increasing row index (a column).
    package var rowDirection: Vector3?
    package var columnDirection: Vector3?
    package var pixelSpacing: PixelSpacing?
    package var sliceThickness: Double?
    /// Spacing Between Slices without its sign.
    package var spacingBetweenSlices: Double?
    package var rescaleSlope: Double?
    package var rescaleIntercept: Double?
    package var rescaleType: String?
    /// When it was acquired, seconds since midnight.
    package var acquisitionSeconds: Double?
    /// Nominal Percentage of Cardiac Phase.
    package var cardiacPhase: Double?
    /// How a volume became this frame: Volumetric Properties (0008,9206) and Volume Based Calculation Technique (0008,9207).
    package var volumetricProperties: String?
    package var volumeCalculation: String?
    /// Enhanced objects only: Frame Type, in the place of Image Type.
    package var frameType: [String]?
    /// Enhanced objects only: Temporal Position Index, Frame Acquisition Number, Stack ID.
    package var temporalPositionIndex: Int?
    package var acquisitionNumber: Int?
    package var stackID: String?
}

/// Pixel Spacing (0028,0030) in mm.
package struct PixelSpacing: Codable, Sendable, Hashable {
    /// Between the centres of adjacent rows: along j. First value of the attribute.
    package var betweenRows: Double
    /// Between the centres of adjacent columns: along i. Second value of the attribute.
    package var betweenColumns: Double

    package init(betweenRows: Double, betweenColumns: Double) {
        self.betweenRows = betweenRows
        self.betweenColumns = betweenColumns
    }
}

extension InstanceHeader {
    package var numberOfFrames: Int { frames.count }
    package var kind: InstanceKind { InstanceKind(sopClassUID: sopClassUID) }
    /// Multi-frame with functional groups, where references name a frame even if it is the only one.
    package var isEnhanced: Bool { kind == .ctImage && sopClassUID != SOPClass.ctImage }
    /// Its frames, not itself, are slices of a series.
    package var isMultiFrame: Bool { isEnhanced || frames.count > 1 }
    package var isLocalizer: Bool { imageType.contains("LOCALIZER") }

    /// Position of the first frame.
    package var imagePositionPatient: PatientPoint? { frames.first?.position }
    package var rowDirection: Vector3? { frames.first?.rowDirection }
    package var columnDirection: Vector3? { frames.first?.columnDirection }
    package var pixelSpacing: PixelSpacing? { frames.first?.pixelSpacing }
    package var sliceThickness: Double? { frames.first?.sliceThickness }
    package var rescaleSlope: Double? { frames.first?.rescaleSlope }
    package var rescaleIntercept: Double? { frames.first?.rescaleIntercept }
    package var rescaleType: String? { frames.first?.rescaleType }
}

/// What becomes of a file.
package enum InstanceKind: Sendable, Hashable {
    /// CT Image, Enhanced CT Image or Legacy Converted Enhanced CT Image.
    case ctImage
    case rtStructureSet
    case segmentation
    case dicomdir
    case otherDicom(sopClass: String)

    package init(sopClassUID: String) {
        switch sopClassUID {
        case SOPClass.ctImage, SOPClass.enhancedCTImage, SOPClass.legacyConvertedEnhancedCTImage: self = .ctImage
        case SOPClass.rtStructureSet: self = .rtStructureSet
        case SOPClass.segmentation: self = .segmentation
        case SOPClass.mediaStorageDirectory: self = .dicomdir
        default: self = .otherDicom(sopClass: sopClassUID)
        }
    }
}
