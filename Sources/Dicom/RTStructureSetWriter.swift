import Imaging
import Platform

/// How a structure with holes is written (PS3.3 C.8.8.6.3 allows these two).
package enum HoleProfile: String, Sendable, NamedChoice {
    /// One CLOSED_PLANAR contour that enters the hole by a channel of no width: what every system reads.
    case keyhole
    /// Outer and inner contours of type CLOSEDPLANAR_XOR.
    case closedPlanarXOR = "closed-planar-xor"
}

/// Errors of writing structure sets and segmentations.
package enum StructureError: Error, Sendable, Equatable, CustomStringConvertible {
    case nothingToWrite
    case nameTooLong(String)
    case nameNotUnique(String)
    case otherGrid(name: String)
    case unreadable(reason: String)

    package var description: String {
        switch self {
        case .nothingToWrite: "no structure has a voxel: there is nothing to write"
        case .nameTooLong(let name): "the structure name \(name) has more than 16 characters"
        case .nameNotUnique(let name): "two structures are called \(name)"
        case .otherGrid(let name): "the mask of \(name) is not on the grid of the CT"
        case .unreadable(let reason): "the object cannot be used: \(reason)"
        }
    }
}

/// Writes masks as an RT Structure Set (PS3.3 A.19): contours along voxel edges in the planes of the CT's own slices,
/// unapproved, with automatic generation stated. Implicit VR Little Endian, because Contour Data over 65534 bytes has
/// no good explicit encoding.
package struct RTStructureSetWriter: Sendable {
    package var product: ProductDescription
    package var geometry: VolumeGeometry
    package var holes: HoleProfile
    /// At most 16 characters (SH).
    package var label: String
    /// That trace contours and write their numbers; the file does not depend on it.
    package var threads: Int

    /// Slices whose contours are in memory at a time.
    private static let slicesAtOnce = 32

    package init(
        product: ProductDescription,
        geometry: VolumeGeometry,
        holes: HoleProfile = .keyhole,
        label: String = "contourd auto",
        threads: Int = 1
    ) {
        self.product = product
        self.geometry = geometry
        self.holes = holes
        self.label = String(label.prefix(16))
        self.threads = threads
    }

    /// Writes structures in the order given, contour by contour, so that memory does not grow with their number; a structure
    /// without a voxel is left out.
    ///
    /// - Throws: `StructureError` for names that systems reject, masks on another grid, or when nothing is left; `DicomError`.
    package func write(_ structures: [(description: StructureDescription, mask: SlicedMask)], to path: String) throws {
        try check(structures)
        let filled = structures.filter { !$0.mask.isEmpty }
        guard !filled.isEmpty else { throw StructureError.nothingToWrite }
        try DicomFile(dataSet: frame(filled.map(\.description))).write(
            to: path,
            transferSyntax: .implicitVRLittleEndian,
            from: .roiContourSequence
        ) { stream throws(DicomError) in
            try stream.sequence(.roiContourSequence) { stream throws(DicomError) in
                for (n, structure) in filled.enumerated() {
                    try stream.item { stream throws(DicomError) in
                        try write(structure.mask, of: structure.description, number: n + 1, to: &stream)
                    }
                }
            }
        }
    }

    /// The same of masks as a whole.
    package func write(_ structures: [(description: StructureDescription, mask: Mask)], to path: String) throws {
        try write(structures.map { (description: $0.description, mask: SlicedMask($0.mask)) }, to: path)
    }

    /// The data set without contours.
    private func frame(_ structures: [StructureDescription]) -> DataSet {
        var dataSet = product.commonModules(
            sopClassUID: SOPClass.rtStructureSet,
            modality: "RTSTRUCT",
            seriesDescription: product.caption("contourd: automatic contours, NOT REVIEWED")
        )
        dataSet.set(.operatorsName, .PN, nil)
        dataSet.set(.structureSetLabel, .SH, product.isDemonstration ? "DEMONSTRATION" : label)
        dataSet.set(.structureSetName, .LO, product.caption("Automatic contours, not reviewed"))
        dataSet.set(
            .structureSetDescription,
            .ST,
            (product.isDemonstration ? "DEMONSTRATION, never for patients. " : "")
                + "Made by contourd \(product.softwareVersion) with \(product.algorithmName). Not reviewed by a person."
                + (product.revision > 1
                    ? " Revision \(product.revision) of the contours of this series: it takes the place of the former ones."
                    : "")
        )
        dataSet.set(.structureSetDate, .DA, product.date)
        dataSet.set(.structureSetTime, .TM, product.time)
        dataSet.set(.instanceNumber, .IS, integer: 1)
        dataSet.set(.referencedFrameOfReferenceSequence, sequence: [referencedFrameOfReference])
        dataSet.set(.structureSetROISequence, sequence: structures.enumerated().map { roi($0 + 1, $1) })
        dataSet.set(.rtROIObservationsSequence, sequence: structures.enumerated().map { observation($0 + 1, $1) })
        dataSet.set(.approvalStatus, .CS, "UNAPPROVED")
        return dataSet
    }

    private func check(_ structures: [(description: StructureDescription, mask: SlicedMask)]) throws(StructureError) {
        var names = Set<String>()
        for (description, mask) in structures {
            guard description.name.utf8.count <= 16 else { throw .nameTooLong(description.name) }
            guard names.insert(description.name).inserted else { throw .nameNotUnique(description.name) }
            guard mask.geometry.dimensions == geometry.dimensions, product.slices.count == geometry.dimensions.k else {
                throw .otherGrid(name: description.name)
            }
        }
    }

    private var referencedFrameOfReference: DataSet {
        var series = DataSet()
        series.set(.seriesInstanceUID, .UI, product.reference.seriesInstanceUID)
        series.set(.contourImageSequence, sequence: product.slices.map(imageReference))
        var study = DataSet()
        // The Detached Study Management SOP Class: retired, and still what PS3.3 C.8.8.5 readers expect.
        study.set(.referencedSOPClassUID, .UI, "1.2.840.10008.3.1.2.3.1")
        study.set(.referencedSOPInstanceUID, .UI, product.reference.studyInstanceUID)
        study.set(.rtReferencedSeriesSequence, sequence: [series])
        var frame = DataSet()
        frame.set(.frameOfReferenceUID, .UI, product.reference.frameOfReferenceUID)
        frame.set(.rtReferencedStudySequence, sequence: [study])
        return frame
    }

    private func imageReference(_ slice: SliceReference) -> DataSet {
        var item = DataSet()
        item.set(.referencedSOPClassUID, .UI, slice.sopClassUID)
        item.set(.referencedSOPInstanceUID, .UI, slice.sopInstanceUID)
        if let frame = slice.frameNumber { item.set(.referencedFrameNumber, .IS, integer: frame) }
        return item
    }

    private func roi(_ number: Int, _ structure: StructureDescription) -> DataSet {
        var item = DataSet()
        item.set(.roiNumber, .IS, integer: number)
        item.set(.referencedFrameOfReferenceUID, .UI, product.reference.frameOfReferenceUID)
        item.set(.roiName, .LO, structure.name)
        item.set(.roiGenerationAlgorithm, .CS, "AUTOMATIC")
        item.set(.roiGenerationDescription, .LO, String("\(product.algorithmName), not reviewed".prefix(64)))
        return item
    }

    private func observation(_ number: Int, _ structure: StructureDescription) -> DataSet {
        var item = DataSet()
        item.set(.observationNumber, .IS, integer: number)
        item.set(.referencedROINumber, .IS, integer: number)
        item.set(.roiObservationLabel, .SH, structure.name)
        item.set(.rtROIIdentificationCodeSequence, sequence: [structure.type.item])
        item.set(.rtROIInterpretedType, .CS, structure.interpretedType)
        item.set(.roiInterpreter, .PN, nil)
        return item
    }

    /// An item of the ROI Contour Sequence.
    private func write(
        _ mask: SlicedMask,
        of structure: StructureDescription,
        number: Int,
        to stream: inout DicomFileStream
    ) throws(DicomError) {
        var colour = DataSet()
        colour.set(.roiDisplayColor, .IS, integers: [structure.red, structure.green, structure.blue])
        try stream.write(colour)
        try stream.sequence(.contourSequence) { stream throws(DicomError) in
            var count = 0
            let slices = mask.slices
            for start in stride(from: 0, to: slices.count, by: Self.slicesAtOnce) {
                let batch = slices[start..<min(start + Self.slicesAtOnce, slices.count)]
                let contours = parallelMap(batch.count, threads: threads) { n in
                    polygons(of: mask, slice: batch[start + n]).map { contour($0, slice: batch[start + n]) }
                }
                for var contour in contours.joined() {
                    count += 1
                    contour.set(.contourNumber, .IS, integer: count)
                    try stream.item(contour)
                }
            }
        }
        var reference = DataSet()
        reference.set(.referencedROINumber, .IS, integer: number)
        try stream.write(reference)
    }

    private func polygons(of mask: SlicedMask, slice k: Int) -> [PlanarPolygon] {
        let traced = mask.withSlice(k) {
            traceContours(of: $0, columns: geometry.dimensions.i, rows: geometry.dimensions.j)
        }
        return holes == .keyhole ? keyholed(traced) : traced
    }

    private func contour(_ polygon: PlanarPolygon, slice k: Int) -> DataSet {
        var item = DataSet()
        item.set(.contourImageSequence, sequence: [imageReference(product.slices[k])])
        item.set(.contourGeometricType, .CS, holes == .keyhole ? "CLOSED_PLANAR" : "CLOSEDPLANAR_XOR")
        item.set(.numberOfContourPoints, .IS, integer: polygon.points.count)
        item.set(.contourData, .DS, strings: polygon.points.flatMap { coordinates($0, slice: k) })
        return item
    }

    /// Points lie in the plane of the slice's own position, not of an average grid. Micrometres are far below any
    /// voxel and keep every number within 16 characters.
    private func coordinates(_ point: PlanarPoint, slice k: Int) -> [String] {
        let inPlane =
            geometry.directionI * (point.i * geometry.spacing.x) + geometry.directionJ * (point.j * geometry.spacing.y)
        let p = product.slices[k].position.vector + inPlane
        return [p.x, p.y, p.z].map { DecimalString.text(($0 * 1000).rounded() / 1000) }
    }
}
