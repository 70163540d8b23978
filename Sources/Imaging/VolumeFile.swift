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
package protocol VolumeFileElement: BitwiseCopyable, Sendable {
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
        var copy = try Self(creatingBase: base, geometry: geometry)
        copy.voxels.withUnsafeMutableBufferPointer { target in
            voxels.withUnsafeBufferPointer { _ = target.update(from: $0) }
        }
    }

    /// Makes the files for voxels that are still to be written: they are 0, and what is written to them is in the file.
    ///
    /// - Parameter allowance: bytes that may be resident.
    package init(creatingBase base: String, geometry: VolumeGeometry, allowance: Int = .max) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        let header = VolumeFileHeader(element: Element.volumeFileName, geometry: geometry)
        try encoder.encode(header).write(to: URL(fileURLWithPath: base + ".json"))
        let bytes = geometry.dimensions.voxelCount * MemoryLayout<Element>.stride
        let file = try MappedFile(creating: base + ".raw", count: bytes, allowance: allowance)
        self.init(geometry: geometry, voxels: Voxels(file))
    }

    /// The voxels stay in the file; they may be changed in memory alone.
    ///
    /// - Parameter allowance: bytes that may be resident.
    /// - Throws: `VolumeFileError` when a file is missing, damaged or of another element type.
    package init(contentsOfBase base: String, allowance: Int = .max) throws {
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
        let bytes = d.voxelCount * MemoryLayout<Element>.stride
        let file: MappedFile
        do throws(SystemError) { file = try MappedFile(reading: base + ".raw", allowance: allowance) } catch {
            throw VolumeFileError.unreadable(path: base + ".raw", reason: error.reason)
        }
        guard file.bytes.count == bytes else {
            throw VolumeFileError.wrongSize(path: base + ".raw", expectedBytes: bytes, foundBytes: file.bytes.count)
        }
        self.init(geometry: header.geometry, voxels: Voxels(file))
    }
}

/// Where volumes that grow with the CT lie while they are worked on.
package struct VolumeMemory: Sendable {
    /// For files without a name; nil: ordinary memory.
    private let folder: String?
    /// Bytes of a volume that may be resident, if it lies in a file.
    package let allowance: Int

    private init(folder: String?, allowance: Int) {
        self.folder = folder
        self.allowance = allowance
    }

    package static let ordinary = VolumeMemory(folder: nil, allowance: .max)

    package static func files(in folder: String, allowance: Int) -> VolumeMemory {
        VolumeMemory(folder: folder, allowance: allowance)
    }

    /// The same for one of several volumes that are worked on together.
    package func shared(by count: Int) -> VolumeMemory {
        VolumeMemory(folder: folder, allowance: allowance / max(1, count))
    }

    /// A volume of zeros.
    package func zeros<Element: AdditiveArithmetic & BitwiseCopyable & Sendable>(_ geometry: VolumeGeometry)
        throws(SystemError) -> Volume<Element>
    {
        let count = geometry.dimensions.voxelCount
        guard let folder else { return Volume(geometry: geometry, repeating: .zero) }
        let bytes = count * MemoryLayout<Element>.stride
        let file = try MappedFile(scratchIn: folder, count: bytes, allowance: allowance)
        return Volume(geometry: geometry, voxels: Voxels(file))
    }
}

/// The geometry of a volume file, without its voxels.
package func volumeGeometry(ofBase base: String) throws -> VolumeGeometry {
    do {
        let text = try Data(contentsOf: URL(fileURLWithPath: base + ".json"))
        return try JSONDecoder().decode(VolumeFileHeader.self, from: text).geometry
    } catch { throw VolumeFileError.unreadable(path: base + ".json", reason: "\(error.localizedDescription)") }
}
