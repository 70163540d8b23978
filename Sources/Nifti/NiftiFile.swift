import Foundation
import Imaging
import Platform

/// Elements that we write to NIfTI.
package protocol NiftiElement: Sendable {
    static var niftiDataType: NiftiDataType { get }
}

extension UInt8: NiftiElement { package static var niftiDataType: NiftiDataType { .uint8 } }
extension Int16: NiftiElement { package static var niftiDataType: NiftiDataType { .int16 } }
extension Float: NiftiElement { package static var niftiDataType: NiftiDataType { .float32 } }

/// NIfTI-1 files, `.nii` and `.nii.gz` (by name). Index order is ours: i fastest, then j, then k.
package enum NiftiFile {
    /// Writes a volume with qform and sform. The same volume gives the same bytes.
    package static func write<Element: NiftiElement>(_ volume: Volume<Element>, to path: String) throws(NiftiError) {
        let dimensions = volume.geometry.dimensions
        guard max(dimensions.i, dimensions.j, dimensions.k) <= Int(Int16.max) else {
            throw .cannotWrite(reason: "a dimension is larger than NIfTI-1 can say")
        }
        try write(volume.geometry, Element.niftiDataType, to: path) { k, put throws(NiftiError) in
            let plane = dimensions.i * dimensions.j
            try volume.voxels.withUnsafeBufferPointer { voxels throws(NiftiError) in
                try put(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: voxels[k * plane..<(k + 1) * plane])))
            }
            volume.touched()
        }
    }

    /// Writes a structure as a mask.
    package static func write(_ mask: SlicedMask, to path: String) throws(NiftiError) {
        try write(mask.geometry, .uint8, to: path) { k, put throws(NiftiError) in
            try mask.withSlice(k) { slice throws(NiftiError) in try put(UnsafeRawBufferPointer(slice)) }
        }
    }

    /// Slice by slice, so that neither the volume nor the file is in memory.
    private static func write(
        _ geometry: VolumeGeometry,
        _ type: NiftiDataType,
        to path: String,
        slice: (Int, (UnsafeRawBufferPointer) throws(NiftiError) -> Void) throws(NiftiError) -> Void
    ) throws(NiftiError) {
        let file: FileDescriptor
        do throws(SystemError) { file = try .open(path, O_WRONLY | O_CREAT | O_TRUNC) } catch {
            throw .cannotWrite(reason: error.reason)
        }
        func save(_ bytes: UnsafeRawBufferPointer) throws(NiftiError) {
            do throws(SystemError) { try file.write(bytes, path: path) } catch {
                throw .cannotWrite(reason: error.reason)
            }
        }
        let compression = path.hasSuffix(".gz") ? try GzipStream(isRuns: type == .uint8, save: save) : nil
        func put(_ bytes: UnsafeRawBufferPointer) throws(NiftiError) {
            if let compression { try compression.write(bytes) } else { try save(bytes) }
        }
        let header = NiftiHeader(geometry: geometry, type: type).bytes
        try header.withUnsafeBufferPointer { bytes throws(NiftiError) in try put(UnsafeRawBufferPointer(bytes)) }
        for k in 0..<geometry.dimensions.k { try slice(k, put) }
        try compression?.finish()
    }

    /// Whether the header of a file says by sform or qform where its voxels lie in the patient. Without both nothing says
    /// which side is the left one. Voxels are not read.
    package static func hasPlace(_ path: String) throws(NiftiError) -> Bool {
        // A header lies within the first pages, compressed or not.
        try readHeader(contents(path, first: 1 << 16)).header.hasPlace
    }

    /// Reads a volume as numbers, scaled by slope and intercept.
    package static func read(_ path: String) throws(NiftiError) -> Volume<Float> { try readAndNotes(path).volume }

    /// The same, and what its header leaves open about its place, one phrase each.
    private static func readAndNotes(_ path: String) throws(NiftiError) -> (volume: Volume<Float>, notes: [String]) {
        let (header, bytes) = try open(path)
        let scaled = header.slope != 1 || header.intercept != 0
        let values = bytes.withUnsafeBytes { raw in
            (0..<header.geometry.dimensions.voxelCount).map { n in
                let value = number(raw, header, n)
                return scaled ? value * header.slope + header.intercept : value
            }
        }
        return (Volume(geometry: header.geometry, voxels: values), header.placeNotes)
    }

    /// Reads a label map whose values are from 0 to 255.
    /// - Throws: `unreadable` when a value is no such label.
    package static func readLabels(_ path: String) throws(NiftiError) -> Volume<UInt8> {
        let map = try readLabelMap(path)
        if let value = map.values.last, value > 255 {
            throw .unreadable(reason: "it has the value \(value), and labels are whole numbers from 0 to 255 here")
        }
        return Volume(geometry: map.places.geometry, voxels: map.places.voxels.map { UInt8(map.values[Int($0)]) })
    }

    /// Reads a label map of any number type.
    /// - Throws: `unreadable` when a value is no label, or there are so many that it is an image.
    package static func readLabelMap(_ path: String) throws(NiftiError) -> NiftiLabelMap {
        let (volume, notes) = try readAndNotes(path)
        return try NiftiLabelMap(volume, placeNotes: notes)
    }

    private static func open(_ path: String) throws(NiftiError) -> (NiftiHeader, ArraySlice<UInt8>) {
        var bytes = try contents(path)
        let (header, isCompressed) = try readHeader(bytes)
        let end = header.offset + header.geometry.dimensions.voxelCount * header.type.bytes
        if isCompressed { bytes = try Gzip.decompress(bytes, first: end, verifying: true) }
        guard bytes.count >= end else { throw .unreadable(reason: "it has fewer voxels than its header says") }
        return (header, bytes[header.offset..<end])
    }

    private static func contents(_ path: String, first count: Int = .max) throws(NiftiError) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped).prefix(count))
        } catch {
            throw .unreadable(reason: error.localizedDescription)
        }
    }

    private static func readHeader(_ bytes: [UInt8]) throws(NiftiError) -> (header: NiftiHeader, isCompressed: Bool) {
        let isCompressed = bytes.starts(with: [0x1F, 0x8B])
        let head =
            isCompressed
            ? try Gzip.decompress(bytes, first: NiftiHeader.dataOffset, verifying: false) : bytes
        return (try NiftiHeader(head), isCompressed)
    }

    @inline(__always)
    private static func number(_ raw: UnsafeRawBufferPointer, _ header: NiftiHeader, _ n: Int) -> Float {
        let at = n * header.type.bytes
        @inline(__always)
        func load<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) -> Number {
            let stored = raw.loadUnaligned(fromByteOffset: at, as: Number.self)
            return header.isBigEndian ? Number(bigEndian: stored) : Number(littleEndian: stored)
        }
        return switch header.type {
        case .uint8: Float(raw[at])
        case .int8: Float(Int8(bitPattern: raw[at]))
        case .int16: Float(load(Int16.self))
        case .uint16: Float(load(UInt16.self))
        case .int32: Float(load(Int32.self))
        case .uint32: Float(load(UInt32.self))
        case .int64: Float(load(Int64.self))
        case .uint64: Float(load(UInt64.self))
        case .float32: Float(bitPattern: load(UInt32.self))
        case .float64: Float(Double(bitPattern: load(UInt64.self)))
        }
    }
}
