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
        var base = FrameHeader()
        base.readAcquisition(dataSet)
        base.readVolumeKind(dataSet)
        let sharedHeader = FrameHeader(groups: shared ?? empty, over: base)
        return (0..<count).map { frame in
            perFrame.isEmpty ? sharedHeader : FrameHeader(groups: perFrame[frame], over: sharedHeader)
        }
    }

    private init(classic dataSet: DataSet) {
        readPosition(dataSet)
        readOrientation(dataSet)
        readMeasures(dataSet)
        readRescale(dataSet)
        readAcquisition(dataSet)
        readVolumeKind(dataSet)
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
            let moment = item.string(.frameAcquisitionDateTime).flatMap(Self.secondsOfDay(dateTime:))
            acquisitionSeconds = moment ?? acquisitionSeconds
        }
        if let item = groups.sequence(.cardiacSynchronizationSequence).first {
            cardiacPhase = item.double(.nominalPercentageOfCardiacPhase) ?? cardiacPhase
        }
        if let item = groups.sequence(.ctImageFrameTypeSequence).first {
            let values = item.strings(.frameType).prefix(16).map { String($0.prefix(64)) }
            if !values.isEmpty { frameType = values }
            readVolumeKind(item)
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
        spacingBetweenSlices = item.double(.spacingBetweenSlices).map(abs) ?? spacingBetweenSlices
    }

    private mutating func readAcquisition(_ item: DataSet) {
        cardiacPhase = item.double(.nominalPercentageOfCardiacPhase)
        acquisitionSeconds =
            item.string(.acquisitionTime).flatMap(Self.secondsOfDay(time:))
            ?? item.string(.acquisitionDateTime).flatMap(Self.secondsOfDay(dateTime:))
    }

    private mutating func readVolumeKind(_ item: DataSet) {
        volumetricProperties = item.string(.volumetricProperties).map { String($0.prefix(64)) } ?? volumetricProperties
        volumeCalculation =
            item.string(.volumeBasedCalculationTechnique).map { String($0.prefix(64)) } ?? volumeCalculation
    }

    /// TM (PS3.5 6.2): `HHMMSS.FFFFFF`, from the right as short as its writer liked; with the colons of old.
    private static func secondsOfDay(time: String) -> Double? {
        let digits = time.filter { $0 != ":" }
        let whole = digits.prefix { $0 != "." }
        guard whole.count >= 4, whole.count <= 6, whole.count % 2 == 0, whole.allSatisfy(\.isASCII),
            let hours = Int(whole.prefix(2)), let minutes = Int(whole.dropFirst(2).prefix(2)),
            (0...23).contains(hours), (0...59).contains(minutes)
        else { return nil }
        let seconds = digits.dropFirst(4).isEmpty ? 0 : Double(digits.dropFirst(4))
        guard let seconds, (0...60.999_999).contains(seconds) else { return nil }
        return Double(hours * 3600 + minutes * 60) + seconds
    }

    /// DT: a date of eight digits, a time, and perhaps an offset from UTC.
    private static func secondsOfDay(dateTime: String) -> Double? {
        secondsOfDay(time: String(dateTime.dropFirst(8).prefix { $0 != "+" && $0 != "-" }))
    }

    private mutating func readRescale(_ item: DataSet) {
        rescaleSlope = item.double(.rescaleSlope) ?? rescaleSlope
        rescaleIntercept = item.double(.rescaleIntercept) ?? rescaleIntercept
        rescaleType = item.string(.rescaleType) ?? rescaleType
    }
}
