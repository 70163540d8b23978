import Imaging

/// A structure as an RT Structure Set holds it.
package struct RTStructure: Sendable, Hashable {
    package struct Contour: Sendable, Hashable {
        /// LPS mm.
        package var points: [PatientPoint]
        package var geometricType: String
        package var referencedSOPInstanceUID: String?

        package init(points: [PatientPoint], geometricType: String, referencedSOPInstanceUID: String?) {
            self.points = points
            self.geometricType = geometricType
            self.referencedSOPInstanceUID = referencedSOPInstanceUID
        }
    }

    package var number: Int
    package var name: String
    package var contours: [Contour]

    package init(number: Int, name: String, contours: [Contour]) {
        self.number = number
        self.name = name
        self.contours = contours
    }
}

/// An RT Structure Set as it is read: tolerantly.
package struct RTStructureSet: Sendable {
    package var sopInstanceUID: String
    package var frameOfReferenceUIDs: [String]
    package var referencedSeriesInstanceUIDs: [String]
    package var approvalStatus: String?
    package var structures: [RTStructure]

    /// - Throws: `DicomError`, or `StructureError.unreadable` when the file is something else.
    package init(contentsOf path: String) throws {
        let file = try DicomFile(contentsOf: path)
        guard file.dataSet.string(.sopClassUID) == SOPClass.rtStructureSet else {
            throw StructureError.unreadable(reason: "it is no RT Structure Set")
        }
        self.init(file.dataSet)
    }

    package init(_ dataSet: DataSet) {
        sopInstanceUID = dataSet.string(.sopInstanceUID) ?? ""
        approvalStatus = dataSet.string(.approvalStatus)
        let frames = dataSet.sequence(.referencedFrameOfReferenceSequence)
        frameOfReferenceUIDs = frames.compactMap { $0.string(.frameOfReferenceUID) }
        referencedSeriesInstanceUIDs = frames.flatMap { $0.sequence(.rtReferencedStudySequence) }
            .flatMap { $0.sequence(.rtReferencedSeriesSequence) }.compactMap { $0.string(.seriesInstanceUID) }
        var contours: [Int: [RTStructure.Contour]] = [:]
        for item in dataSet.sequence(.roiContourSequence) {
            guard let number = item.integer(.referencedROINumber) else { continue }
            contours[number, default: []] += item.sequence(.contourSequence).compactMap(RTStructureSet.contour)
        }
        structures = dataSet.sequence(.structureSetROISequence).compactMap { item in
            guard let number = item.integer(.roiNumber) else { return nil }
            return RTStructure(
                number: number,
                name: item.string(.roiName) ?? "ROI \(number)",
                contours: contours[number] ?? []
            )
        }
    }

    /// Points come in triples; what is left over or no number makes the contour unusable.
    private static func contour(_ item: DataSet) -> RTStructure.Contour? {
        let numbers = item.doubles(.contourData)
        guard !numbers.isEmpty, numbers.count % 3 == 0 else { return nil }
        let points = stride(from: 0, to: numbers.count, by: 3).map {
            PatientPoint(x: numbers[$0], y: numbers[$0 + 1], z: numbers[$0 + 2])
        }
        return RTStructure.Contour(
            points: points,
            geometricType: item.string(.contourGeometricType) ?? "",
            referencedSOPInstanceUID: item.sequence(.contourImageSequence).first?.string(.referencedSOPInstanceUID)
        )
    }
}

extension RTStructure {
    /// The mask on a grid: every contour of a slice together by the even-odd rule at voxel centres, so that holes,
    /// keyholes and XOR sets are right. A contour belongs to the slice whose plane is nearest, if that and all its points
    /// are within half a slice; points and open contours enclose nothing.
    ///
    /// - Returns: the mask and how many closed contours lay on no slice of the grid.
    package func mask(on geometry: VolumeGeometry) -> (mask: Mask, contoursOutside: Int) {
        var slices: [Int: [[PlanarPoint]]] = [:]
        var outside = 0
        for contour in contours where contour.enclosesSomething {
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            guard let (k, _) = slice(of: indices, on: geometry) else {
                outside += 1
                continue
            }
            slices[k, default: []].append(indices.map { PlanarPoint(i: $0.x, j: $0.y) })
        }
        var mask = Mask(geometry: geometry, repeating: 0)
        let plane = geometry.dimensions.i * geometry.dimensions.j
        for (k, polygons) in slices {
            let filled = rasterize(polygons, columns: geometry.dimensions.i, rows: geometry.dimensions.j)
            mask.voxels.replaceSubrange(k * plane..<(k + 1) * plane, with: filled)
        }
        return (mask, outside)
    }

    /// Contours that `mask(on:)` takes to a slice that they do not lie on.
    package func offSlice(on geometry: VolumeGeometry) -> OffSlice {
        var result = OffSlice()
        for contour in contours where contour.enclosesSomething {
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            guard let (_, middle) = slice(of: indices, on: geometry) else { continue }
            result.note(index: middle, spacingMM: geometry.spacing.z)
        }
        return result
    }

    /// The slice that a contour belongs to, and where it lies in slices.
    private func slice(of indices: [Vector3], on geometry: VolumeGeometry) -> (k: Int, middle: Double)? {
        let middle = indices.reduce(0) { $0 + $1.z } / Double(indices.count)
        let k = middle.rounded()
        // A contour of another orientation lies in no slice, even where its middle does.
        let isPlanar = indices.allSatisfy { abs($0.z - middle) <= 0.5 }
        guard isPlanar, middle.isFinite, k >= 0, k < Double(geometry.dimensions.k), abs(middle - k) <= 0.5 else {
            return nil
        }
        return (Int(k), middle)
    }
}

extension RTStructure.Contour {
    fileprivate var enclosesSomething: Bool { points.count >= 3 && geometricType.hasPrefix("CLOSED") }
}
