import Dicom
import Foundation
import Imaging
import Testing

/// What we write is read back by our own reader here; other programs read it in the conformance tests.
@Suite("Structure sets and segmentations")
struct StructureTests {
    static func product(_ geometry: VolumeGeometry, drift: (Int) -> Double = { _ in 0 }) -> ProductDescription {
        var reference = DataSet()
        reference.set(.studyInstanceUID, .UI, "1.2.3")
        reference.set(.seriesInstanceUID, .UI, "1.2.3.1")
        reference.set(.frameOfReferenceUID, .UI, geometry.frameOfReferenceUID)
        reference.set(.patientName, .PN, "Müller^Jürgen")
        let slices = (0..<geometry.dimensions.k).map { k in
            SliceReference(
                sopClassUID: "1.2.840.10008.5.1.4.1.1.2",
                sopInstanceUID: "1.2.3.1.\(k + 1)",
                position: geometry.patientPoint(i: 0, j: 0, k: Double(k) + drift(k) / geometry.spacing.z),
                instanceNumber: k + 1
            )
        }
        return ProductDescription(
            reference: ReferenceAttributes(copying: reference),
            slices: slices,
            seriesInstanceUID: "1.2.9",
            sopInstanceUID: "1.2.9.1",
            seriesNumber: 9001,
            algorithmName: "test 1.0.0",
            softwareVersion: "9.9.9",
            date: "20240101",
            time: "120000"
        )
    }

    static func description(_ name: String) -> StructureDescription {
        StructureDescription(
            name: name,
            red: 10,
            green: 20,
            blue: 30,
            category: StructureDescription.anatomicalStructure,
            type: CodedTerm(value: "39607008", scheme: "SCT", meaning: "Lung")
        )
    }

    /// Speckle, which has every hole, touch and island there is.
    static func speckle(_ geometry: VolumeGeometry, seed: UInt64) -> Mask {
        var random = SplitMix64(state: seed)
        let density = Double.random(in: 0.2...0.8, using: &random)
        return Mask(
            geometry: geometry,
            voxels: (0..<geometry.dimensions.voxelCount).map { _ in
                Double.random(in: 0..<1, using: &random) < density ? 1 : 0
            }
        )
    }

    static let geometries: [VolumeGeometry] = {
        let turned = [Vector3(0.8, 0.6, 0), Vector3(-0.6, 0.8, 0)]
        let tilted = [Vector3(0.8, 0, 0.6), Vector3(0, 1, 0)]
        return [
            SmallCT.geometry(columns: 13, rows: 11, slices: 4),
            SmallCT.geometry(columns: 13, rows: 11, slices: 4, directionI: Vector3(-1, 0, 0)),
            SmallCT.geometry(
                columns: 13,
                rows: 11,
                slices: 4,
                directionI: Vector3(-1, 0, 0),
                directionJ: Vector3(0, -1, 0)
            ),
            SmallCT.geometry(columns: 13, rows: 11, slices: 4, directionI: turned[0], directionJ: turned[1]),
            SmallCT.geometry(columns: 13, rows: 11, slices: 4, directionI: tilted[0], directionJ: tilted[1]),
            SmallCT.geometry(
                columns: 13,
                rows: 11,
                slices: 4,
                spacing: Vector3(0.488281, 0.488281, 0.625),
                directionI: Vector3(0, 1, 0),
                directionJ: Vector3(0, 0, -1)
            ),
        ]
    }()

    @Test("A Segmentation of lossy images says so (PS3.3 C.7.6.1.1.5); later revisions say which they are")
    func sources() throws {
        let geometry = Self.geometries[0]
        var product = Self.product(geometry)
        let structures = [(Self.description("Lung_L"), Self.speckle(geometry, seed: 1))]
        let folder = try TemporaryFolder()
        let path = folder.file("written.dcm")
        try SegmentationWriter(product: product, geometry: geometry).write(structures, to: path)
        var file = try DicomFile(contentsOf: path).dataSet
        #expect(file.string(.lossyImageCompression) == "00" && file[.lossyImageCompressionRatio] == nil)
        product.reference.dataSet.set(.lossyImageCompression, .CS, "01")
        product.reference.dataSet.set(.lossyImageCompressionRatio, .DS, double: 8)
        product.reference.dataSet.set(.lossyImageCompressionMethod, .CS, "ISO_14495_1")
        product.revision = 2
        try SegmentationWriter(product: product, geometry: geometry).write(structures, to: path)
        file = try DicomFile(contentsOf: path).dataSet
        #expect(file.string(.lossyImageCompression) == "01")
        #expect(file.string(.lossyImageCompressionMethod) == "ISO_14495_1")
        #expect(file.string(.seriesDescription) == "contourd: automatic segmentation, NOT REVIEWED, revision 2")
        try RTStructureSetWriter(product: product, geometry: geometry, label: "contourd r2").write(structures, to: path)
        let set = try DicomFile(contentsOf: path).dataSet
        #expect(set[.lossyImageCompression] == nil)
        #expect(set.string(.structureSetLabel) == "contourd r2")
        #expect(set.string(.structureSetDescription)?.contains("takes the place of the former ones") == true)
        #expect((set.string(.seriesDescription) ?? "").utf8.count <= 64)
    }

    @Test(
        "contours of any mask come back as the mask, in any orientation, with keyholes and as XOR",
        arguments: HoleProfile.allCases
    )
    func structureSet(_ holes: HoleProfile) throws {
        let folder = try TemporaryFolder()
        for (n, geometry) in Self.geometries.enumerated() {
            let masks = [
                ("One", Self.speckle(geometry, seed: UInt64(n))), ("Two", Self.speckle(geometry, seed: UInt64(n + 50))),
            ]
            let writer = RTStructureSetWriter(product: Self.product(geometry), geometry: geometry, holes: holes)
            try writer.write(masks.map { (Self.description($0.0), $0.1) }, to: folder.file("rs.dcm"))
            let set = try RTStructureSet(contentsOf: folder.file("rs.dcm"))
            #expect(set.structures.map(\.name) == ["One", "Two"])
            for (structure, (name, mask)) in zip(set.structures, masks) {
                let (found, outside) = structure.mask(on: geometry)
                #expect(found.voxels == mask.voxels && outside == 0, "geometry \(n), \(name)")
                // Each contour refers to the image in whose plane it lies.
                for contour in structure.contours {
                    let k = geometry.continuousIndex(of: contour.points[0]).z.rounded()
                    #expect(contour.referencedSOPInstanceUID == "1.2.3.1.\(Int(k) + 1)")
                }
            }
        }
    }

    @Test("frames of any mask come back as the mask, in any orientation")
    func segmentation() throws {
        let folder = try TemporaryFolder()
        for (n, geometry) in Self.geometries.enumerated() {
            let masks = [
                ("One", Self.speckle(geometry, seed: UInt64(n))), ("Two", Self.speckle(geometry, seed: UInt64(n + 50))),
            ]
            try SegmentationWriter(product: Self.product(geometry), geometry: geometry)
                .write(masks.map { (Self.description($0.0), $0.1) }, to: folder.file("seg.dcm"))
            let object = try SegmentationObject(contentsOf: folder.file("seg.dcm"))
            #expect(object.segments.map(\.label) == ["One", "Two"])
            for (segment, (name, mask)) in zip(object.segments, masks) {
                let (found, outside) = try object.mask(ofSegment: segment.number, on: geometry)
                #expect(found.voxels == mask.voxels && outside == 0, "geometry \(n), \(name)")
            }
        }
    }

    @Test("slices that lie off the even grid, as far as is admitted, keep their contours")
    func drift() throws {
        let folder = try TemporaryFolder()
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 20, spacing: Vector3(1, 1, 1))
        let product = Self.product(geometry) { k in k > 0 && k < 19 ? (k % 2 == 0 ? 0.24 : -0.24) : 0 }
        let mask = Self.speckle(geometry, seed: 77)
        try RTStructureSetWriter(product: product, geometry: geometry).write(
            [(Self.description("S"), mask)],
            to: folder.file("rs.dcm")
        )
        try SegmentationWriter(product: product, geometry: geometry).write(
            [(Self.description("S"), mask)],
            to: folder.file("seg.dcm")
        )
        #expect(try RTStructureSet(contentsOf: folder.file("rs.dcm")).structures[0].mask(on: geometry).mask == mask)
        #expect(
            try SegmentationObject(contentsOf: folder.file("seg.dcm")).mask(ofSegment: 1, on: geometry).mask == mask
        )
    }

    @Test("what systems reject is not written")
    func refusals() throws {
        let geometry = Self.geometries[0]
        let writer = RTStructureSetWriter(product: Self.product(geometry), geometry: geometry)
        let mask = Self.speckle(geometry, seed: 1)
        let empty = Mask(geometry: geometry, repeating: 0)
        let folder = try TemporaryFolder()
        func write(_ structures: [(String, Mask)]) throws {
            try writer.write(structures.map { (Self.description($0), $1) }, to: folder.file("rs.dcm"))
        }
        #expect(throws: StructureError.nothingToWrite) { try write([("A", empty)]) }
        #expect(throws: StructureError.nameTooLong("SeventeenLetters1")) { try write([("SeventeenLetters1", mask)]) }
        #expect(throws: StructureError.nameNotUnique("A")) { try write([("A", mask), ("A", mask)]) }
        let other = Mask(geometry: SmallCT.geometry(columns: 12, rows: 11, slices: 4), repeating: 1)
        #expect(throws: StructureError.otherGrid(name: "A")) { try write([("A", other)]) }
        #expect(!FileManager.default.fileExists(atPath: folder.file("rs.dcm")))
        // A structure without a voxel is left out, the others stay.
        try write([("A", empty), ("B", mask)])
        let set = try RTStructureSet(contentsOf: folder.file("rs.dcm"))
        #expect(set.structures.map(\.name) == ["B"])
    }

    // MARK: Reading what others wrote

    private func structureSet(_ contours: [[PatientPoint]], type: String = "CLOSED_PLANAR") -> RTStructure {
        RTStructure(
            number: 1,
            name: "S",
            contours: contours.map {
                RTStructure.Contour(points: $0, geometricType: type, referencedSOPInstanceUID: nil)
            }
        )
    }

    private func square(_ geometry: VolumeGeometry, k: Double, from: Double = 1.5, to: Double = 6.5) -> [PatientPoint] {
        [(from, from), (to, from), (to, to), (from, to)].map { geometry.patientPoint(i: $0.0, j: $0.1, k: k) }
    }

    @Test("contours count for the nearest slice; beyond the stack, in no slice or across slices they are told")
    func placement() {
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        func filled(_ contour: [PatientPoint]) -> (slices: [Int], outside: Int) {
            let (mask, outside) = structureSet([contour]).mask(on: geometry)
            let plane = 13 * 11
            return ((0..<4).filter { k in mask.voxels[k * plane..<(k + 1) * plane].contains(1) }, outside)
        }
        for k in 0..<4 { #expect(filled(square(geometry, k: Double(k) + 0.3)) == ([k], 0)) }
        #expect(filled(square(geometry, k: -0.6)) == ([], 1))
        #expect(filled(square(geometry, k: 3.6)) == ([], 1))
        // A sagittal contour whose middle lies in slice 1.
        let sagittal = [(2.0, 0.0), (8, 0), (8, 2), (2, 2)].map { geometry.patientPoint(i: 5, j: $0.0, k: $0.1) }
        #expect(filled(sagittal) == ([], 1))
        #expect(
            structureSet([square(geometry, k: 1)], type: "POINT").mask(on: geometry).mask.voxels.allSatisfy { $0 == 0 }
        )
        #expect(
            structureSet([square(geometry, k: 1)], type: "OPEN_PLANAR").mask(on: geometry).mask.voxels.allSatisfy {
                $0 == 0
            }
        )
    }

    @Test("contours between slices are counted, with the largest distance; rounding in files is none")
    func offSlice() {
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        let places = [0.0, 1.01, 1.7, 2.2, -0.6, 3.4]
        let found = structureSet(places.map { square(geometry, k: $0) }).offSlice(on: geometry)
        // 0.3, 0.2 and 0.4 slices of 3 mm; 0.01 is rounding, and -0.6 belongs to no slice.
        #expect(found.count == 3 && abs(found.farthestMM - 1.2) < 1e-9)
        #expect(structureSet([square(geometry, k: 2)]).offSlice(on: geometry).count == 0)
    }

    @Test("a contour within another is a hole, whichever comes first")
    func holes() {
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        let (outer, inner) = (square(geometry, k: 2), square(geometry, k: 2, from: 2.5, to: 4.5))
        for contours in [[outer, inner], [inner, outer]] {
            #expect(structureSet(contours).mask(on: geometry).mask.voxels.count { $0 != 0 } == 25 - 4)
        }
    }

    @Test(
        "coordinates that are no numbers or far away fill nothing and stop nothing",
        arguments: [
            Double.nan, .infinity, -.infinity, 1e300, -1.7e308, 1e18,
        ]
    )
    func hostileCoordinates(_ value: Double) {
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        for axis in 0..<3 {
            var contour = square(geometry, k: 1)
            var point = contour[0].vector
            point[axis] = value
            contour[0] = PatientPoint(point)
            point[axis] = -value
            contour[2] = PatientPoint(point)
            let (mask, _) = structureSet([contour]).mask(on: geometry)
            #expect(mask.voxels.count { $0 != 0 } <= 13 * 11)
        }
    }

    @Test("contour data that does not come in triples, and sequences without numbers, are left out")
    func damagedContours() throws {
        var dataSet = DataSet()
        dataSet.set(.sopClassUID, .UI, "1.2.840.10008.5.1.4.1.1.481.3")
        dataSet.set(.sopInstanceUID, .UI, "1.2.3")
        var roi = DataSet()
        roi.set(.roiNumber, .IS, "1")
        dataSet.set(.structureSetROISequence, sequence: [roi, DataSet()])
        var items: [DataSet] = []
        for text in [["1", "2", "3", "4"], ["1", "2", "x"], [], ["1", "2", "nan"]] {
            var contour = DataSet()
            contour.set(.contourGeometricType, .CS, "CLOSED_PLANAR")
            contour.set(.contourData, .DS, strings: text)
            items.append(contour)
        }
        var contours = DataSet()
        contours.set(.referencedROINumber, .IS, "1")
        contours.set(.contourSequence, sequence: items)
        dataSet.set(.roiContourSequence, sequence: [contours, DataSet()])
        let folder = try TemporaryFolder()
        try DicomFile(dataSet: dataSet).write(to: folder.file("rs.dcm"), transferSyntax: .implicitVRLittleEndian)
        let set = try RTStructureSet(contentsOf: folder.file("rs.dcm"))
        #expect(set.structures.count == 1 && set.structures[0].contours.isEmpty && set.structures[0].name == "ROI 1")
        #expect(set.structures[0].defect == .damaged && set.structures[0].contoursLeftOut == 4)
    }

    /// A Segmentation whose frames are changed before it is written.
    private func segmentation(_ change: (inout DataSet) -> Void) throws -> SegmentationObject {
        let folder = try TemporaryFolder()
        let geometry = Self.geometries[0]
        try SegmentationWriter(product: Self.product(geometry), geometry: geometry)
            .write([(Self.description("S"), Self.speckle(geometry, seed: 3))], to: folder.file("seg.dcm"))
        var file = try DicomFile(contentsOf: folder.file("seg.dcm"))
        change(&file.dataSet)
        try file.write(to: folder.file("changed.dcm"), transferSyntax: .explicitVRLittleEndian)
        return try SegmentationObject(contentsOf: folder.file("changed.dcm"))
    }

    @Test("a Segmentation with impossible places, sizes or pixels is refused")
    func hostileSegmentations() {
        let changes: [(inout DataSet) -> Void] = [
            { $0.set(.rows, .US, integer: 0) }, { $0.set(.columns, .US, integer: 65535) },
            { $0.set(.bitsAllocated, .US, integer: 16) }, { $0.set(.pixelData, .OB, bytes: [1, 2, 3, 4]) },
            { $0.remove(.pixelData) },
            { dataSet in
                var frames = dataSet.sequence(.perFrameFunctionalGroupsSequence)
                var place = DataSet()
                place.set(.imagePositionPatient, .DS, strings: ["0", "0", "1e300"])
                frames[0].set(.planePositionSequence, sequence: [place])
                dataSet.set(.perFrameFunctionalGroupsSequence, sequence: frames)
            },
        ]
        for (n, change) in changes.enumerated() {
            #expect(throws: (any Error).self, "change \(n)") { try segmentation(change) }
        }
    }

    @Test("a grid is that of the frames, and none where they do not lie evenly")
    func segmentationGrid() throws {
        let geometry = Self.geometries[0]
        let grid = try #require(try segmentation { _ in }.grid)
        #expect(grid.dimensions == geometry.dimensions)
        #expect(abs(grid.spacing.z - geometry.spacing.z) < 1e-6 && abs(grid.origin.z - geometry.origin.z) < 1e-6)
        // Two frames a hair apart and one far away would span millions of slices.
        let uneven = try segmentation { dataSet in
            var frames = dataSet.sequence(.perFrameFunctionalGroupsSequence)
            for (n, z) in ["0", "0.02", "999999.98"].enumerated() {
                var place = DataSet()
                place.set(.imagePositionPatient, .DS, strings: ["0", "0", z])
                frames[n].set(.planePositionSequence, sequence: [place])
            }
            dataSet.set(.perFrameFunctionalGroupsSequence, sequence: frames)
        }
        #expect(uneven.grid == nil)
    }
}
