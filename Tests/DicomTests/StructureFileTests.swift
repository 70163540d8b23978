import Dicom
import Foundation
import Imaging
import Testing

/// Structure sets and segmentations that are written and read in parts.
@Suite("Structure sets and segmentations in parts")
struct StructureFileTests {
    @Test(
        "what is written piece by piece, on any number of threads, is byte for byte what the whole data set gives"
    )
    func pieces() throws {
        let folder = try TemporaryFolder()
        func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: folder.file(path))) }
        func rewrite(_ path: String, _ syntax: TransferSyntax) throws {
            try DicomFile(contentsOf: folder.file(path)).write(to: folder.file("whole.dcm"), transferSyntax: syntax)
        }
        for (n, geometry) in StructureTests.geometries.enumerated() {
            let structures = ["A", "B", "Ä"].enumerated().map {
                (StructureTests.description($1), StructureTests.speckle(geometry, seed: UInt64(n + $0)))
            }
            let product = StructureTests.product(geometry)
            try RTStructureSetWriter(product: product, geometry: geometry).write(structures, to: folder.file("rs.dcm"))
            try rewrite("rs.dcm", .implicitVRLittleEndian)
            #expect(try bytes("rs.dcm") == bytes("whole.dcm"), "geometry \(n)")
            try RTStructureSetWriter(product: product, geometry: geometry, threads: 3)
                .write(structures, to: folder.file("threads.dcm"))
            #expect(try bytes("rs.dcm") == bytes("threads.dcm"), "geometry \(n)")
            for empty in [false, true] {
                try SegmentationWriter(product: product, geometry: geometry, includesEmptyFrames: empty)
                    .write(structures, to: folder.file("seg.dcm"))
                try rewrite("seg.dcm", .explicitVRLittleEndian)
                #expect(try bytes("seg.dcm") == bytes("whole.dcm"), "geometry \(n)")
            }
        }
    }

    @Test("structures are read one after the other, as reading them all gives them")
    func oneByOne() throws {
        let folder = try TemporaryFolder()
        let geometry = StructureTests.geometries[3]
        let structures = ["A", "B"].enumerated().map {
            (StructureTests.description($1), StructureTests.speckle(geometry, seed: UInt64($0)))
        }
        try RTStructureSetWriter(product: StructureTests.product(geometry), geometry: geometry, holes: .closedPlanarXOR)
            .write(structures, to: folder.file("rs.dcm"))
        var read: [RTStructure] = []
        try RTStructureSet.forEachStructure(contentsOf: folder.file("rs.dcm")) { read.append($0) }
        let all = try RTStructureSet(contentsOf: folder.file("rs.dcm")).structures
        #expect(read.count == 2 && read == all)
        #expect(throws: (any Error).self) {
            try SegmentationWriter(product: StructureTests.product(geometry), geometry: geometry)
                .write(structures, to: folder.file("seg.dcm"))
            try RTStructureSet.forEachStructure(contentsOf: folder.file("seg.dcm")) { _ in }
        }
    }

    @Test("a Segmentation whose file is cut while it is open is an error, not empty")
    func cutWhileOpen() throws {
        let folder = try TemporaryFolder()
        let geometry = SmallCT.geometry(columns: 200, rows: 200, slices: 4)
        try SegmentationWriter(product: StructureTests.product(geometry), geometry: geometry)
            .write(
                [(StructureTests.description("S"), Mask(geometry: geometry, repeating: 1))],
                to: folder.file("seg.dcm")
            )
        let object = try SegmentationObject(contentsOf: folder.file("seg.dcm"))
        truncate(folder.file("seg.dcm"), 4096)
        #expect(throws: DicomError.self) { try object.mask(ofSegment: 1, on: geometry) }
    }
}
