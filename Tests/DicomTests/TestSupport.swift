import Dicom
import Foundation
import Imaging
import Testing

/// A folder that is removed when the test is over.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("dicom-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        // Nothing depends on the folder being gone.
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }
}

/// Data beside the repository: real CT and awkward files.
enum SharedData {
    static let root: String = {
        if let path = ProcessInfo.processInfo.environment["CONTOURD_SHARED"] { return path }
        let tests = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("shared").path
    }()

    static var isPresent: Bool { FileManager.default.fileExists(atPath: root + "/data/ct") }

    /// Regular files of a folder below `data`, sorted.
    static func files(_ folder: String) throws -> [String] {
        let path = root + "/data/" + folder
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { path + "/" + $0 }
    }
}

enum Fixtures {
    static let root: String = {
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fixtures/dicom").path
    }()
}

/// A small CT that passes every test: air around a block of tissue, and no two voxels of a slice alike by
/// symmetry, so that a flip or a swap of axes shows.
enum SmallCT {
    static func geometry(
        columns: Int = 64,
        rows: Int = 72,
        slices: Int = 12,
        spacing: Vector3 = Vector3(1.26, 1.25, 3),
        directionI: Vector3 = Vector3(1, 0, 0),
        directionJ: Vector3 = Vector3(0, 1, 0)
    ) -> VolumeGeometry {
        VolumeGeometry(
            dimensions: Dimensions(i: columns, j: rows, k: slices),
            origin: PatientPoint(x: -40, y: -50, z: 100),
            spacing: spacing,
            directionI: directionI,
            directionJ: directionJ,
            directionK: cross(directionI, directionJ),
            frameOfReferenceUID: "1.2.3.4"
        )
    }

    static func volume(_ geometry: VolumeGeometry = geometry()) -> Volume<Int16> {
        var volume = Volume<Int16>(geometry: geometry, repeating: -1000)
        let size = geometry.dimensions
        for k in 0..<size.k {
            for j in size.j / 4..<size.j - 8 {
                for i in size.i / 3..<size.i - 4 { volume[i, j, k] = Int16((i * 3 + j * 7 + k * 13) % 150 - 30) }
            }
        }
        return volume
    }

    /// The data sets of the series without pixels changed, for tests that change attributes.
    static func dataSets(_ geometry: VolumeGeometry = geometry()) throws -> [DataSet] {
        let folder = try TemporaryFolder()
        let written = try writeCTSeries(volume: volume(geometry), to: folder.path)
        return try written.files.map { try DicomFile(contentsOf: $0).dataSet }
    }

    static func headers(_ geometry: VolumeGeometry = geometry()) throws -> [InstanceHeader] {
        try dataSets(geometry).map { try header($0) }
    }

    static func header(_ dataSet: DataSet) throws -> InstanceHeader {
        try InstanceHeader(dataSet: dataSet, metaInformation: DicomFile(dataSet: dataSet).metaInformation)
    }

    /// Writes data sets as files `0.dcm`, `1.dcm`, ... and gives their paths.
    static func write(
        _ dataSets: [DataSet],
        to folder: TemporaryFolder,
        transferSyntax: TransferSyntax = .explicitVRLittleEndian
    ) throws -> [String] {
        try dataSets.enumerated().map { index, dataSet in
            let path = folder.file("\(index).dcm")
            try DicomFile(dataSet: dataSet).write(to: path, transferSyntax: transferSyntax)
            return path
        }
    }
}

extension StackExamination {
    var codes: [String] { findings.map(\.code) }
    var refusalCodes: [String] { refusals.map(\.code) }
}

/// The refusal that an expression throws.
func refusal<Value>(_ body: () throws -> Value) -> [AdmissionFinding] {
    do {
        _ = try body()
        return []
    } catch DicomError.refused(let findings) {
        return findings.refusals
    } catch {
        return [AdmissionFinding(.refusal, "\(error)", "another error", hint: "")]
    }
}

/// CRC-32 as zlib computes it, to compare with golden values.
func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var table = [UInt32](repeating: 0, count: 256)
    for index in 0..<256 {
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
        table[index] = value
    }
    var crc = ~UInt32(0)
    for byte in bytes {
        let index = Int(UInt8(truncatingIfNeeded: crc) ^ byte)
        crc = table[index] ^ (crc >> 8)
    }
    return ~crc
}

/// A small seeded generator, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
