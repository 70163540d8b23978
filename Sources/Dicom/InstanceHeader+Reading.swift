internal import CDCMTK
import Imaging
import Platform

extension InstanceHeader {
    /// Reads the header of a file. No pixels are loaded, but the file is accepted only if it parses to its end
    /// and, for an image, its pixel data is as long as the header says.
    package init(contentsOf path: String) throws(DicomError) {
        let shim = try ShimFile(opening: path)
        try self.init(shim)
        fileSize = Int64(shim.fileSize)
    }

    init(_ shim: borrowing ShimFile) throws(DicomError) {
        let file = try DicomFile(shim, until: .pixelData)
        try self.init(dataSet: file.dataSet, metaInformation: file.metaInformation)
        guard kind == .ctImage else { return }
        try checkPixelData(shim)
        if isLossy == nil { isLossy = saysThatItIsLossy(shim) }
    }

    /// What the JPEG 2000 stream of the first frame says, where the header does not.
    private func saysThatItIsLossy(_ shim: borrowing ShimFile) -> Bool? {
        do throws(DicomError) {
            return try shim.withCompressedFrame(0, of: frames.count) { JPEG2000.saysThatItIsLossy($0) }
        } catch {
            return nil  // a damaged one is told when it is decoded
        }
    }

    /// The header of a data set in memory; `fileSize` is 0 and pixel data is not looked at.
    package init(dataSet: DataSet, metaInformation: DicomFile.MetaInformation) throws(DicomError) {
        sopClassUID = dataSet.string(.sopClassUID) ?? metaInformation.mediaStorageSOPClassUID
        sopInstanceUID = dataSet.string(.sopInstanceUID) ?? metaInformation.mediaStorageSOPInstanceUID
        seriesInstanceUID = dataSet.string(.seriesInstanceUID) ?? ""
        studyInstanceUID = dataSet.string(.studyInstanceUID) ?? ""
        // One that is none could be copied into no product; the series is refused for the lack of it.
        frameOfReferenceUID = dataSet.string(.frameOfReferenceUID).flatMap { UID.isUsable($0) ? $0 : nil }
        modality = dataSet.string(.modality) ?? ""
        transferSyntaxUID = metaInformation.transferSyntaxUID
        fileSize = 0
        try checkIdentity()
        readPlace(dataSet)
        readAcquisition(dataSet)
        isLossy = dataSet.string(.lossyImageCompression).map { $0 == "01" } ?? TransferSyntax.isLossy(transferSyntaxUID)
        hasUnknownText = dataSet.hasUnknownText ? true : nil
        identityMark = Self.identityMark(dataSet)
        try readPixelDescription(dataSet)
        referencedSeriesInstanceUIDs = Self.referencedSeries(dataSet)
        if kind == .rtStructureSet, referencedSeriesInstanceUIDs.isEmpty {
            contouredInstanceUIDs = Self.contouredInstances(dataSet)
        }
    }

    /// UIDs become names of folders, so a UID with anything but digits and dots is refused here.
    private func checkIdentity() throws(DicomError) {
        guard kind != .dicomdir else { return }
        let required = [
            (Tag.sopClassUID, sopClassUID), (.sopInstanceUID, sopInstanceUID),
            (.studyInstanceUID, studyInstanceUID), (.seriesInstanceUID, seriesInstanceUID),
        ]
        for (tag, uid) in required {
            if uid.isEmpty { throw DicomError.missingAttribute(tag) }
            if !UID.isUsable(uid) { throw DicomError.invalidUID(tag) }
        }
    }

    /// Six hexadecimal digits, and other ones in every Series.
    private static func identityMark(_ dataSet: DataSet) -> String {
        let tags: [Tag] = [.patientID, .patientName, .patientBirthDate, .patientSex, .studyInstanceUID]
        let values =
            tags.map { dataSet.strings($0).joined(separator: "\\") } + [dataSet.string(.seriesInstanceUID) ?? ""]
        let text = values.map { "\($0.utf8.count):\($0)" }.joined(separator: ",")
        let hexadecimal = "0123456789abcdef".map { $0 }
        return String(SHA1.digest(Array(text.utf8)).prefix(6).map { hexadecimal[Int($0 & 0xF)] })
    }

    /// Headers are stored and sent: no value needs more than the longest that its VR allows (LO and its like, 64).
    private func short(_ text: String) -> String { String(text.prefix(64)) }

    private mutating func readPlace(_ dataSet: DataSet) {
        imageType = dataSet.strings(.imageType).prefix(16).map(short)
        seriesNumber = dataSet.integer(.seriesNumber)
        instanceNumber = dataSet.integer(.instanceNumber)
        acquisitionNumber = dataSet.integer(.acquisitionNumber)
        temporalPositionIdentifier = dataSet.integer(.temporalPositionIdentifier)
        imagesInAcquisition = dataSet.integer(.imagesInAcquisition)
        numberOfSeriesRelatedInstances = dataSet.integer(.numberOfSeriesRelatedInstances)
        if let number = dataSet.integer(.inConcatenationNumber), number > 0 {
            concatenation = Concatenation(
                uid: dataSet.string(.concatenationUID).map(short) ?? "",
                number: min(number, FrameHeader.maximumFrames),
                total: dataSet.integer(.inConcatenationTotalNumber).flatMap {
                    (1...FrameHeader.maximumFrames).contains($0) ? $0 : nil
                }
            )
        }
    }

    private mutating func readAcquisition(_ dataSet: DataSet) {
        gantryTilt = dataSet.double(.gantryDetectorTilt)
        patientPosition = dataSet.string(.patientPosition).map(short)
        manufacturer = dataSet.string(.manufacturer).map(short)
        manufacturerModelName = dataSet.string(.manufacturerModelName).map(short)
        kvp = dataSet.double(.kvp)
        let codes = dataSet.sequence(.derivationCodeSequence).prefix(16)
            .filter { $0.string(.codingSchemeDesignator) == "DCM" }.compactMap { $0.string(.codeValue).map(short) }
        derivationCodes = codes.isEmpty ? nil : codes
        convolutionKernel =
            dataSet[.convolutionKernel] == nil
            ? nil : short(dataSet.strings(.convolutionKernel).prefix(16).joined(separator: "\\"))
    }

    private mutating func readPixelDescription(_ dataSet: DataSet) throws(DicomError) {
        rows = dataSet.count16(.rows) ?? 0
        columns = dataSet.count16(.columns) ?? 0
        samplesPerPixel = dataSet.count16(.samplesPerPixel) ?? 0
        photometricInterpretation = dataSet.string(.photometricInterpretation).map(short) ?? ""
        bitsAllocated = dataSet.count16(.bitsAllocated) ?? 0
        bitsStored = dataSet.count16(.bitsStored) ?? bitsAllocated
        highBit = dataSet.count16(.highBit) ?? bitsStored - 1
        pixelRepresentation = dataSet.count16(.pixelRepresentation) ?? 0
        pixelPaddingValue = dataSet.integer(.pixelPaddingValue).map(asPixel)
        pixelPaddingRangeLimit = dataSet.integer(.pixelPaddingRangeLimit).map(asPixel)
        hasModalityLUT = !dataSet.sequence(.modalityLUTSequence).isEmpty
        guard rows > 0, columns > 0 else { return }
        frames = try FrameHeader.frames(of: dataSet)
    }

    /// The padding value's 16 bits with the sign of the pixels: 63536 (US) with signed pixels is -2000.
    private func asPixel(_ value: Int) -> Int {
        if pixelRepresentation == 1 { return value > 0x7FFF && value <= 0xFFFF ? value - 0x10000 : value }
        return value < 0 && value >= -0x8000 ? value + 0x10000 : value
    }

    private func checkPixelData(_ shim: borrowing ShimFile) throws(DicomError) {
        guard rows > 0, columns > 0, !frames.isEmpty else {
            throw DicomError.missingAttribute(rows > 0 ? .columns : .rows)
        }
        var pixels = cdcm_pixels()
        let status = cdcm_pixel_summary(shim.handle, &pixels)
        guard status == CDCM_OK else { throw ShimFile.error(status) }
        guard pixels.present == 1, pixels.length > 0 else { throw DicomError.truncated }
        if pixels.encapsulated == 1 {
            if Int(pixels.fragments) < frames.count { throw DicomError.truncated }
        } else {
            // Samples and bits beyond these are refused when the pixels are read.
            let bits = rows * columns * min(max(samplesPerPixel, 1), 4) * min(max(bitsAllocated, 1), 64)
            let needed = (bits * frames.count + 7) / 8
            if pixels.length < UInt64(needed) { throw DicomError.truncated }
            // Slices that nobody would look at: which frames the header means cannot be told.
            if pixels.length >= UInt64((bits * (frames.count + 1) + 7) / 8) {
                throw DicomError.corrupt(reason: "the pixel data hold more frames than the header says")
            }
            // One byte makes an odd length even (PS3.5 8.1.1). More means that the picture is another than the header says:
            // rows of it would be cut off, and every frame after the first would begin in the wrong place.
            if pixels.length > UInt64(needed + 1) {
                throw DicomError.corrupt(
                    reason: """
                        the pixel data have \(pixels.length) bytes, and \(rows) rows of \(columns) pixels of \(bitsAllocated) bits\
                        \(frames.count == 1 ? "" : " in \(frames.count) frames") take \(needed)
                        """
                )
            }
        }
    }

    /// Contour Image Sequence (PS3.3 C.8.8.6). Points, an isocentre for example, need none. Of a contour without an image
    /// nobody can tell whether it belongs to the scan of the others.
    private static func contouredInstances(_ dataSet: DataSet) -> [String]? {
        let contours = dataSet.sequence(.roiContourSequence).flatMap { $0.sequence(.contourSequence) }
            .filter { $0.string(.contourGeometricType)?.hasPrefix("CLOSED") == true }
        var found: Set<String> = []
        for contour in contours {
            let uids = contour.sequence(.contourImageSequence).map { $0.string(.referencedSOPInstanceUID) ?? "" }
            guard !uids.isEmpty, uids.allSatisfy(UID.isUsable) else { return nil }
            found.formUnion(uids)
        }
        // A header is stored and sent; no CT has so many slices.
        return found.isEmpty || found.count > 10_000 ? nil : found.sorted()
    }

    /// PS3.3 C.8.8.5 for an RT Structure Set, C.12.1 (Common Instance Reference) for a Segmentation.
    private static func referencedSeries(_ dataSet: DataSet) -> [String] {
        let fromStructureSet = dataSet.sequence(.referencedFrameOfReferenceSequence)
            .flatMap { $0.sequence(.rtReferencedStudySequence) }
            .flatMap { $0.sequence(.rtReferencedSeriesSequence) }
        let items = fromStructureSet + dataSet.sequence(.referencedSeriesSequence)
        var seen: Set<String> = []
        return items.compactMap { $0.string(.seriesInstanceUID) }.filter {
            UID.isUsable($0) && seen.insert($0).inserted
        }
    }
}
