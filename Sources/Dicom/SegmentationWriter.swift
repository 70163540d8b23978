import Foundation
import Imaging

/// Writes masks as a DICOM Segmentation (PS3.3 A.51): BINARY, one segment a structure, geometry in patient
/// coordinates, every frame with the CT slice it was derived from. Explicit VR Little Endian.
package struct SegmentationWriter: Sendable {
    package var product: ProductDescription
    package var geometry: VolumeGeometry
    /// Frames without a voxel are left out by default; some viewers want them all.
    package var includesEmptyFrames: Bool

    package init(product: ProductDescription, geometry: VolumeGeometry, includesEmptyFrames: Bool = false) {
        self.product = product
        self.geometry = geometry
        self.includesEmptyFrames = includesEmptyFrames
    }

    private struct Frame {
        var segment: Int
        var k: Int
    }

    /// Writes masks frame by frame, so that memory does not grow with their number.
    ///
    /// - Throws: `StructureError`, `nothingToWrite` when no mask has a voxel: an all-empty Segmentation breaks viewers;
    ///   `DicomError`.
    package func write(_ structures: [(description: StructureDescription, mask: SlicedMask)], to path: String) throws {
        for (description, mask) in structures {
            guard mask.geometry.dimensions == geometry.dimensions, product.slices.count == geometry.dimensions.k else {
                throw StructureError.otherGrid(name: description.name)
            }
        }
        let filled = structures.filter { !$0.mask.isEmpty }
        guard !filled.isEmpty else { throw StructureError.nothingToWrite }
        let frames = frames(of: filled.map(\.mask))
        try DicomFile(dataSet: head(filled.map(\.description), frameCount: frames.count)).write(
            to: path,
            transferSyntax: .explicitVRLittleEndian,
            from: .perFrameFunctionalGroupsSequence
        ) { stream throws(DicomError) in
            try stream.sequence(.perFrameFunctionalGroupsSequence) { stream throws(DicomError) in
                for frame in frames { try stream.item(frameGroups(frame)) }
            }
            try stream.bytes(.pixelData) { stream throws(DicomError) in
                try write(frames, of: filled.map(\.mask), to: &stream)
            }
        }
    }

    /// The same of masks as a whole.
    package func write(_ structures: [(description: StructureDescription, mask: Mask)], to path: String) throws {
        try write(structures.map { (description: $0.description, mask: SlicedMask($0.mask)) }, to: path)
    }

    /// The data set without frames.
    private func head(_ structures: [StructureDescription], frameCount: Int) -> DataSet {
        var dataSet = product.commonModules(
            sopClassUID: SOPClass.segmentation,
            modality: "SEG",
            seriesDescription: product.caption("contourd: automatic segmentation, NOT REVIEWED")
        )
        putImage(frameCount, into: &dataSet)
        dataSet.set(.segmentSequence, sequence: structures.enumerated().map { segment($0 + 1, $1) })
        putReferences(into: &dataSet)
        putDimensions(into: &dataSet)
        dataSet.set(.sharedFunctionalGroupsSequence, sequence: [sharedGroups])
        return dataSet
    }

    private func frames(of masks: [SlicedMask]) -> [Frame] {
        masks.enumerated().flatMap { segment, mask in
            (includesEmptyFrames ? Array(0..<geometry.dimensions.k) : mask.slices)
                .map { Frame(segment: segment + 1, k: $0) }
        }
    }

    private func putImage(_ frameCount: Int, into dataSet: inout DataSet) {
        dataSet.set(.imageType, .CS, strings: ["DERIVED", "PRIMARY"])
        dataSet.set(.instanceNumber, .IS, integer: 1)
        dataSet.set(.contentDate, .DA, product.date)
        dataSet.set(.contentTime, .TM, product.time)
        dataSet.set(.samplesPerPixel, .US, integer: 1)
        dataSet.set(.photometricInterpretation, .CS, "MONOCHROME2")
        dataSet.set(.numberOfFrames, .IS, integer: frameCount)
        dataSet.set(.rows, .US, integer: geometry.dimensions.j)
        dataSet.set(.columns, .US, integer: geometry.dimensions.i)
        dataSet.set(.bitsAllocated, .US, integer: 1)
        dataSet.set(.bitsStored, .US, integer: 1)
        dataSet.set(.highBit, .US, integer: 0)
        dataSet.set(.pixelRepresentation, .US, integer: 0)
        putLossyCompression(into: &dataSet)
        dataSet.set(.segmentationType, .CS, "BINARY")
        dataSet.set(.contentLabel, .CS, "SEGMENTATION")
        dataSet.set(.contentDescription, .LO, product.caption("Automatic, not reviewed"))
        dataSet.set(.contentCreatorName, .PN, nil)
    }

    /// What was lost before is not found again: once 01, always 01 (PS3.3 C.7.6.1.1.5, C.8.20.2).
    private func putLossyCompression(into dataSet: inout DataSet) {
        let source = product.reference.dataSet
        guard source.string(.lossyImageCompression) == "01" else {
            return dataSet.set(.lossyImageCompression, .CS, "00")
        }
        dataSet.copy(
            [.lossyImageCompression, .lossyImageCompressionRatio, .lossyImageCompressionMethod],
            from: source
        )
    }

    private func segment(_ number: Int, _ structure: StructureDescription) -> DataSet {
        var item = DataSet()
        item.set(.segmentNumber, .US, integer: number)
        item.set(.segmentLabel, .LO, structure.name)
        item.set(
            .segmentDescription,
            .ST,
            product.isDemonstration ? "DEMONSTRATION, never for patients" : "Automatic, not reviewed"
        )
        item.set(.segmentAlgorithmType, .CS, "AUTOMATIC")
        item.set(.segmentAlgorithmName, .LO, String(product.algorithmName.prefix(64)))
        item.set(.segmentedPropertyCategoryCodeSequence, sequence: [structure.category.item])
        var type = structure.type.item
        if let modifier = structure.modifier {
            type.set(.segmentedPropertyTypeModifierCodeSequence, sequence: [modifier.item])
        }
        item.set(.segmentedPropertyTypeCodeSequence, sequence: [type])
        item.set(.recommendedDisplayCIELabValue, .US, integers: CIELab(structure).values)
        return item
    }

    /// Common Instance Reference (PS3.3 C.12.2).
    private func putReferences(into dataSet: inout DataSet) {
        var series = DataSet()
        series.set(.seriesInstanceUID, .UI, product.reference.seriesInstanceUID)
        var seen = Set<String>()
        let unique = product.slices.filter { seen.insert($0.sopInstanceUID).inserted }
        series.set(.referencedInstanceSequence, sequence: unique.map { reference($0, withFrame: false) })
        dataSet.set(.referencedSeriesSequence, sequence: [series])
    }

    private func reference(_ slice: SliceReference, withFrame: Bool) -> DataSet {
        var item = DataSet()
        item.set(.referencedSOPClassUID, .UI, slice.sopClassUID)
        item.set(.referencedSOPInstanceUID, .UI, slice.sopInstanceUID)
        if withFrame, let frame = slice.frameNumber { item.set(.referencedFrameNumber, .IS, integer: frame) }
        return item
    }

    /// Multi-frame Dimension (PS3.3 C.7.6.17): segment, then place along the normal.
    private func putDimensions(into dataSet: inout DataSet) {
        let organization = UID.derived(namespace: ["dimensions", product.sopInstanceUID])
        var item = DataSet()
        item.set(.dimensionOrganizationUID, .UI, organization)
        dataSet.set(.dimensionOrganizationSequence, sequence: [item])
        func index(_ pointer: Tag, _ group: Tag, _ label: String) -> DataSet {
            var item = DataSet()
            item.set(.dimensionOrganizationUID, .UI, organization)
            item.set(.dimensionIndexPointer, tags: [pointer])
            item.set(.functionalGroupPointer, tags: [group])
            item.set(.dimensionDescriptionLabel, .LO, label)
            return item
        }
        dataSet.set(
            .dimensionIndexSequence,
            sequence: [
                index(.referencedSegmentNumber, .segmentIdentificationSequence, "Segment Number"),
                index(.imagePositionPatient, .planePositionSequence, "Image Position (Patient)"),
            ]
        )
    }

    private var sharedGroups: DataSet {
        var orientation = DataSet()
        let (i, j) = (geometry.directionI, geometry.directionJ)
        orientation.set(.imageOrientationPatient, .DS, doubles: [i.x, i.y, i.z, j.x, j.y, j.z])
        var measures = DataSet()
        measures.set(.sliceThickness, .DS, double: geometry.spacing.z)
        measures.set(.sliceSpacing, .DS, double: geometry.spacing.z)
        measures.set(.pixelSpacing, .DS, doubles: [geometry.spacing.y, geometry.spacing.x])
        var shared = DataSet()
        shared.set(.planeOrientationSequence, sequence: [orientation])
        shared.set(.pixelMeasuresSequence, sequence: [measures])
        return shared
    }

    private func frameGroups(_ frame: Frame) -> DataSet {
        let slice = product.slices[frame.k]
        var source = reference(slice, withFrame: true)
        source.set(.spatialLocationsPreserved, .CS, "YES")
        source.set(
            .purposeOfReferenceCodeSequence,
            sequence: [
                CodedTerm(value: "121322", scheme: "DCM", meaning: "Source image for image processing operation").item
            ]
        )
        var derivation = DataSet()
        derivation.set(.sourceImageSequence, sequence: [source])
        derivation.set(
            .derivationCodeSequence,
            sequence: [CodedTerm(value: "113076", scheme: "DCM", meaning: "Segmentation").item]
        )
        var content = DataSet()
        // The second index counts the CT's slices, so that it is the same in every segment.
        content.set(.dimensionIndexValues, .UL, integers: [frame.segment, frame.k + 1])
        var position = DataSet()
        let p = slice.position
        position.set(.imagePositionPatient, .DS, doubles: [p.x, p.y, p.z])
        var identification = DataSet()
        identification.set(.referencedSegmentNumber, .US, integer: frame.segment)
        var groups = DataSet()
        groups.set(.derivationImageSequence, sequence: [derivation])
        groups.set(.frameContentSequence, sequence: [content])
        groups.set(.planePositionSequence, sequence: [position])
        groups.set(.segmentIdentificationSequence, sequence: [identification])
        return groups
    }

    /// One bit a pixel, frames one after the other without gaps, least significant bit first (PS3.5 8.1.1).
    private func write(
        _ frames: [Frame],
        of masks: [SlicedMask],
        to stream: inout DicomFileStream
    ) throws(DicomError) {
        let plane = geometry.dimensions.i * geometry.dimensions.j
        // The first bits of a frame may share a byte with the last ones of that before.
        var (bytes, shift) = ([UInt8](repeating: 0, count: plane / 8 + 2), 0)
        for frame in frames {
            masks[frame.segment - 1].withSlice(frame.k) { slice in
                for n in 0..<plane where slice[n] != 0 {
                    let bit = shift + n
                    bytes[bit >> 3] |= 1 << UInt8(bit & 7)
                }
            }
            let whole = (shift + plane) / 8
            try stream.write(bytes[..<whole])
            shift = (shift + plane) % 8
            let last = bytes[whole]
            bytes.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
            bytes[0] = last
        }
        let all = frames.count * plane
        let rest = (all + 15) / 16 * 2 - all / 8
        try stream.write(bytes[..<rest])
    }
}

/// Recommended Display CIELab Value (PS3.3 C.10.7.1.1): L, a, b scaled to 0...65535, from sRGB with white D65.
private struct CIELab {
    let values: [Int]

    init(_ structure: StructureDescription) {
        func linear(_ value: Int) -> Double {
            let v = Double(value) / 255
            return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)
        }
        let (r, g, b) = (linear(structure.red), linear(structure.green), linear(structure.blue))
        func f(_ t: Double) -> Double { t > 0.008856 ? pow(t, 1 / 3.0) : 7.787 * t + 16 / 116.0 }
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505)
        let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b)
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
        func scaled(_ value: Double, _ low: Double, _ high: Double) -> Int {
            Int((min(max((value - low) / (high - low), 0), 1) * 65535).rounded())
        }
        values = [
            scaled(116 * y - 16, 0, 100), scaled(500 * (x - y), -128, 127), scaled(200 * (y - z), -128, 127),
        ]
    }
}
