import Imaging

extension FrameHeader {
    /// More frames than any CT has; a file that promises more is damaged or hostile.
    static let maximumFrames = 65_535

    /// A kilometre: further away nothing was scanned, and numbers of slices between such places would overflow.
    static let farthestPositionMM = 1e6

    /// One header for each frame: the data set's own attributes for a classic image, the shared and per-frame
    /// functional groups (PS3.3 C.7.6.16) for an enhanced one.
    static func frames(of dataSet: DataSet) throws(DicomError) -> [FrameHeader] {
        let count = dataSet.integer(.numberOfFrames) ?? 1
        guard (1...maximumFrames).contains(count) else { throw DicomError.corrupt(reason: "the number of frames") }
        let shared = dataSet.sequence(.sharedFunctionalGroupsSequence).first
        let perFrame = dataSet.sequence(.perFrameFunctionalGroupsSequence)
        if shared == nil, perFrame.isEmpty {
            return Array(repeating: FrameHeader(classic: dataSet), count: count)
        }
        guard perFrame.count == count || perFrame.isEmpty else {
            throw DicomError.corrupt(reason: "the functional groups do not match the number of frames")
        }
        let empty = DataSet()
        let sharedHeader = FrameHeader(groups: shared ?? empty, over: FrameHeader())
        return (0..<count).map { frame in
            perFrame.isEmpty ? sharedHeader : FrameHeader(groups: perFrame[frame], over: sharedHeader)
        }
    }

    private init(classic dataSet: DataSet) {
        readPosition(dataSet)
        readOrientation(dataSet)
        readMeasures(dataSet)
        readRescale(dataSet)
    }

    /// What `groups` says, and `base` for the rest.
    private init(groups: DataSet, over base: FrameHeader) {
        self = base
        if let item = groups.sequence(.planePositionSequence).first { readPosition(item) }
        if let item = groups.sequence(.planeOrientationSequence).first { readOrientation(item) }
        if let item = groups.sequence(.pixelMeasuresSequence).first { readMeasures(item) }
        if let item = groups.sequence(.pixelValueTransformationSequence).first { readRescale(item) }
        if let item = groups.sequence(.frameContentSequence).first {
            temporalPositionIndex = item.integer(.temporalPositionIndex) ?? temporalPositionIndex
            acquisitionNumber = item.integer(.frameAcquisitionNumber) ?? acquisitionNumber
            stackID = item.string(.stackID) ?? stackID
        }
    }

    private mutating func readPosition(_ item: DataSet) {
        let values = item.doubles(.imagePositionPatient)
        guard values.allSatisfy({ abs($0) <= Self.farthestPositionMM }) else { return }
        if values.count == 3 { position = PatientPoint(x: values[0], y: values[1], z: values[2]) }
    }

    /// Accepted if both vectors have a length near 1 and are near perpendicular; stored as exact unit vectors,
    /// the column made perpendicular to the row.
    private mutating func readOrientation(_ item: DataSet) {
        let values = item.doubles(.imageOrientationPatient)
        guard values.count == 6 else { return }
        let row = Vector3(values[0], values[1], values[2])
        let column = Vector3(values[3], values[4], values[5])
        let cosine = (row * column).sum()
        let lengths = [(row * row).sum().squareRoot(), (column * column).sum().squareRoot()]
        guard lengths.allSatisfy({ abs($0 - 1) < 0.01 }), abs(cosine) < 0.01 else { return }
        let unitRow = row / lengths[0]
        let straight = column - unitRow * (unitRow * column).sum()
        rowDirection = unitRow
        columnDirection = straight / (straight * straight).sum().squareRoot()
    }

    private mutating func readMeasures(_ item: DataSet) {
        let values = item.doubles(.pixelSpacing)
        if values.count == 2, values[0] > 0, values[1] > 0 {
            pixelSpacing = PixelSpacing(betweenRows: values[0], betweenColumns: values[1])
        }
        sliceThickness = item.double(.sliceThickness) ?? sliceThickness
    }

    private mutating func readRescale(_ item: DataSet) {
        rescaleSlope = item.double(.rescaleSlope) ?? rescaleSlope
        rescaleIntercept = item.double(.rescaleIntercept) ?? rescaleIntercept
        rescaleType = item.string(.rescaleType) ?? rescaleType
    }
}
