import Foundation
import Platform

/// Errors of the volumes that stages hand to each other.
package enum VolumeFileError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case wrongElement(path: String, expected: String, found: String)
    case wrongSize(path: String, expectedBytes: Int, foundBytes: Int)
    case impossibleDimensions(path: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .wrongElement(let path, let expected, let found): "\(path) holds \(found), not \(expected)"
        case .impossibleDimensions(let path): "\(path) has impossible dimensions"
        case .wrongSize(let path, let expected, let found): "\(path) has \(found) bytes instead of \(expected)"
        }
    }
}

/// Element types that volume files hold.
package protocol VolumeFileElement: Sendable {
    static var volumeFileName: String { get }
}

extension UInt8: VolumeFileElement { package static var volumeFileName: String { "uint8" } }
extension Int16: VolumeFileElement { package static var volumeFileName: String { "int16" } }
extension Float: VolumeFileElement { package static var volumeFileName: String { "float32" } }

/// The text beside the voxels.
private struct VolumeFileHeader: Codable {
    var format = "contourd-volume-1"
    var element: String
    var geometry: VolumeGeometry
}

extension Volume where Element: VolumeFileElement {
    /// Writes `<base>.json` (geometry and element type) and `<base>.raw` (little-endian voxels, i fastest).
    ///
    /// The files are made inside a stage's unpublished folder, so they need no atomicity of their own.
    package func write(toBase base: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        let header = VolumeFileHeader(element: Element.volumeFileName, geometry: geometry)
        try encoder.encode(header).write(to: URL(fileURLWithPath: base + ".json"))
        try voxels.withUnsafeBytes { bytes in
            let data = Data(
                bytesNoCopy: UnsafeMutableRawPointer(mutating: bytes.baseAddress!),
                count: bytes.count,
                deallocator: .none
            )
            try data.write(to: URL(fileURLWithPath: base + ".raw"))
        }
    }

    /// - Throws: `VolumeFileError` when a file is missing, damaged or of another element type.
    package init(contentsOfBase base: String) throws {
        let header: VolumeFileHeader
        do {
            let text = try Data(contentsOf: URL(fileURLWithPath: base + ".json"))
            header = try JSONDecoder().decode(VolumeFileHeader.self, from: text)
        } catch { throw VolumeFileError.unreadable(path: base + ".json", reason: "\(error.localizedDescription)") }
        guard header.element == Element.volumeFileName else {
            throw VolumeFileError.wrongElement(
                path: base,
                expected: Element.volumeFileName,
                found: header.element
            )
        }
        let d = header.geometry.dimensions
        let allowed = 1...(1 << 16)
        guard allowed.contains(d.i), allowed.contains(d.j), allowed.contains(d.k) else {
            throw VolumeFileError.impossibleDimensions(path: base + ".json")
        }
        let count = d.voxelCount
        let bytes = count * MemoryLayout<Element>.stride
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: base + ".raw"), options: .alwaysMapped) } catch {
            throw VolumeFileError.unreadable(path: base + ".raw", reason: "\(error.localizedDescription)")
        }
        guard data.count == bytes else {
            throw VolumeFileError.wrongSize(path: base + ".raw", expectedBytes: bytes, foundBytes: data.count)
        }
        let voxels = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            data.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
        self.init(geometry: header.geometry, voxels: voxels)
    }
}

/// The geometry of a volume file, without its voxels.
package func volumeGeometry(ofBase base: String) throws -> VolumeGeometry {
    do {
        let text = try Data(contentsOf: URL(fileURLWithPath: base + ".json"))
        return try JSONDecoder().decode(VolumeFileHeader.self, from: text).geometry
    } catch { throw VolumeFileError.unreadable(path: base + ".json", reason: "\(error.localizedDescription)") }
}
