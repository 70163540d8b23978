import Foundation
import Imaging

/// Errors of NIfTI files.
package enum NiftiError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(reason: String)
    case cannotWrite(reason: String)

    package var description: String {
        switch self {
        case .unreadable(let reason): "the NIfTI file cannot be read: \(reason)"
        case .cannotWrite(let reason): "the NIfTI file cannot be written: \(reason)"
        }
    }
}

/// NIfTI-1 data types that we read and write (nifti1.h).
package enum NiftiDataType: Int16, Sendable {
    case uint8 = 2, int16 = 4, int32 = 8, float32 = 16, float64 = 64, int8 = 256, uint16 = 512, uint32 = 768
    case int64 = 1024, uint64 = 1280

    var bytes: Int {
        switch self {
        case .uint8, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }
}

/// The 348 bytes of a NIfTI-1 header and the grid they describe.
///
/// NIfTI's patient axes are RAS, ours LPS: x and y change sign here and nowhere else.
struct NiftiHeader {
    static let size = 348
    /// Header, then four bytes that say "no extension".
    static let dataOffset = 352

    var geometry: VolumeGeometry
    var type: NiftiDataType
    var slope: Float
    var intercept: Float
    var offset: Int
    var isBigEndian = false
    /// What it leaves open about its place, one phrase each.
    private(set) var placeNotes: [String] = []
    /// Whether sform or qform says where it lies.
    private(set) var hasPlace = true

    /// More than any volume has, 512 x 512 x 4096: bounds what a hostile header can make us allocate.
    static let maximumVoxels = 1 << 30

    init(geometry: VolumeGeometry, type: NiftiDataType) {
        self.geometry = geometry
        self.type = type
        slope = 1
        intercept = 0
        offset = NiftiHeader.dataOffset
    }

    // MARK: Writing

    var bytes: [UInt8] {
        var b = [UInt8](repeating: 0, count: NiftiHeader.dataOffset)
        func put<T>(_ value: T, at offset: Int) {
            withUnsafeBytes(of: value) { b.replaceSubrange(offset..<offset + $0.count, with: $0) }
        }
        put(Int32(NiftiHeader.size), at: 0)
        for (n, value) in [3, geometry.dimensions.i, geometry.dimensions.j, geometry.dimensions.k, 1, 1, 1, 1]
            .enumerated()
        {
            put(Int16(truncatingIfNeeded: value), at: 40 + 2 * n)
        }
        put(type.rawValue, at: 70)
        put(Int16(type.bytes * 8), at: 72)
        let (matrix, sign, quaternion) = (rasMatrix, handedness, quaternion)
        for (n, value) in [sign, geometry.spacing.x, geometry.spacing.y, geometry.spacing.z].enumerated() {
            put(Float(value), at: 76 + 4 * n)
        }
        put(Float(NiftiHeader.dataOffset), at: 108)
        put(Float(1), at: 112)
        b[123] = 2  // millimetres
        let note = Array("contourd".utf8)
        b.replaceSubrange(148..<148 + note.count, with: note)
        put(Int16(1), at: 252)  // qform: scanner anatomical
        put(Int16(1), at: 254)  // sform: scanner anatomical
        for (n, value) in quaternion.enumerated() { put(Float(value), at: 256 + 4 * n) }
        for row in 0..<3 { put(Float(matrix[row][3]), at: 268 + 4 * row) }
        for row in 0..<3 { for column in 0..<4 { put(Float(matrix[row][column]), at: 280 + 16 * row + 4 * column) } }
        b.replaceSubrange(344..<348, with: Array("n+1\0".utf8))
        return b
    }

    /// Rows of the affine from voxel index to RAS mm.
    private var rasMatrix: [[Double]] {
        let g = geometry
        let columns = [
            g.directionI * g.spacing.x, g.directionJ * g.spacing.y, g.directionK * g.spacing.z, g.origin.vector,
        ]
        return [0, 1, 2].map { row in columns.map { row < 2 ? -$0[row] : $0[row] } }
    }

    /// qfac: -1 where the axes are left-handed.
    private var handedness: Double {
        dot(cross(geometry.directionI, geometry.directionJ), geometry.directionK) < 0 ? -1 : 1
    }

    /// b, c, d of the rotation (nifti1.h, method 2).
    private var quaternion: [Double] {
        let columns = [geometry.directionI, geometry.directionJ, geometry.directionK * handedness]
        func r(_ row: Int, _ column: Int) -> Double { row < 2 ? -columns[column][row] : columns[column][row] }
        let trace = 1 + r(0, 0) + r(1, 1) + r(2, 2)
        if trace > 0.5 {
            let a = 0.5 * trace.squareRoot()
            return [(r(2, 1) - r(1, 2)) / (4 * a), (r(0, 2) - r(2, 0)) / (4 * a), (r(1, 0) - r(0, 1)) / (4 * a)]
        }
        let x = 1 + r(0, 0) - r(1, 1) - r(2, 2)
        let y = 1 + r(1, 1) - r(0, 0) - r(2, 2)
        let z = 1 + r(2, 2) - r(0, 0) - r(1, 1)
        var (a, q) = (0.0, [0.0, 0.0, 0.0])
        if x >= y, x >= z {
            q[0] = 0.5 * x.squareRoot()
            q[1] = (r(0, 1) + r(1, 0)) / (4 * q[0])
            q[2] = (r(0, 2) + r(2, 0)) / (4 * q[0])
            a = (r(2, 1) - r(1, 2)) / (4 * q[0])
        } else if y >= z {
            q[1] = 0.5 * y.squareRoot()
            q[0] = (r(0, 1) + r(1, 0)) / (4 * q[1])
            q[2] = (r(1, 2) + r(2, 1)) / (4 * q[1])
            a = (r(0, 2) - r(2, 0)) / (4 * q[1])
        } else {
            q[2] = 0.5 * z.squareRoot()
            q[0] = (r(0, 2) + r(2, 0)) / (4 * q[2])
            q[1] = (r(1, 2) + r(2, 1)) / (4 * q[2])
            a = (r(1, 0) - r(0, 1)) / (4 * q[2])
        }
        return a < 0 ? q.map { -$0 } : q
    }

    // MARK: Reading

    /// Either byte order.
    /// - Throws: `unreadable` for anything but a single-file NIfTI-1 volume of a known type.
    init(_ data: [UInt8]) throws(NiftiError) {
        guard data.count >= NiftiHeader.dataOffset else { throw .unreadable(reason: "it is shorter than its header") }
        func word(_ offset: Int) -> UInt32 {
            data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        }
        let isBigEndian = UInt32(bigEndian: word(0)) == 348
        guard isBigEndian || UInt32(littleEndian: word(0)) == 348 else {
            throw .unreadable(reason: "it is no NIfTI-1 file")
        }
        self.isBigEndian = isBigEndian
        func real(_ offset: Int) -> Float {
            Float(bitPattern: isBigEndian ? UInt32(bigEndian: word(offset)) : UInt32(littleEndian: word(offset)))
        }
        func short(_ offset: Int) -> Int16 {
            let stored = data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int16.self) }
            return isBigEndian ? Int16(bigEndian: stored) : Int16(littleEndian: stored)
        }
        guard data[344] == 0x6E, data[345] == 0x2B, data[346] == 0x31 else {
            throw .unreadable(reason: "header and data are in two files; convert it to one .nii")
        }
        let dims = (0..<8).map { Int(short(40 + 2 * $0)) }
        guard (1...7).contains(dims[0]), dims[1...3].allSatisfy({ $0 >= 1 }) || dims[0] < 3 else {
            throw .unreadable(reason: "its dimensions are impossible")
        }
        let lengths = (1...3).map { $0 <= dims[0] ? max(1, dims[$0]) : 1 }
        guard (4...7).allSatisfy({ $0 > dims[0] || dims[$0] <= 1 }) else {
            throw .unreadable(reason: "it has more than three dimensions")
        }
        guard lengths.reduce(1, *) <= NiftiHeader.maximumVoxels else {
            throw .unreadable(reason: "it has too many voxels")
        }
        guard let type = NiftiDataType(rawValue: short(70)) else {
            throw .unreadable(reason: "its data type \(short(70)) is not supported")
        }
        self.type = type
        let start = real(108)
        guard start >= 348, start < 1e8 else { throw .unreadable(reason: "its data offset is impossible") }
        offset = Int(start)
        let rawSlope = real(112)
        slope = rawSlope == 0 || !rawSlope.isFinite ? 1 : rawSlope
        let rawIntercept = real(116)
        intercept = rawSlope == 0 || !rawIntercept.isFinite ? 0 : rawIntercept
        let spacing = (0..<4).map { Double(real(76 + 4 * $0)) }
        let columns: [Vector3]
        if short(254) > 0 {
            columns = (0..<4).map { c in
                Vector3(Double(real(280 + 4 * c)), Double(real(296 + 4 * c)), Double(real(312 + 4 * c)))
            }
        } else if short(252) > 0 {
            columns = NiftiHeader.quaternionColumns(
                (0..<6).map { Double(real(256 + 4 * $0)) },
                spacing: spacing
            )
        } else {
            columns = [Vector3(spacing[1], 0, 0), Vector3(0, spacing[2], 0), Vector3(0, 0, spacing[3]), Vector3()]
        }
        // Bits 0 to 2 of xyzt_units; 0, "unknown", is millimetres everywhere.
        let (unit, scale): (String, Double) =
            switch data[123] & 7 {
            case 1: ("metres", 1000)
            case 3: ("micrometres", 0.001)
            default: ("millimetres", 1)
            }
        geometry = try NiftiHeader.geometry(
            lengths,
            columns.map { $0 * scale },
            pixdim: spacing[1...].map { $0 * scale }
        )
        if scale != 1 { placeNotes.append("gives its places in \(unit): they were taken to millimetres") }
        hasPlace = short(254) > 0 || short(252) > 0
        if !hasPlace {
            placeNotes.append(
                "has neither sform nor qform: nothing says where it lies, so its first voxel was taken to lie at 0, 0, 0"
            )
        }
    }

    private static func quaternionColumns(_ q: [Double], spacing: [Double]) -> [Vector3] {
        var (b, c, d) = (q[0], q[1], q[2])
        var a = 1 - b * b - c * c - d * d
        if a < 1e-7 {
            // Half a turn, as nifti1_io.c has it: what is left of `a` are the digits that floats lack.
            let length = (b * b + c * c + d * d).squareRoot()
            (a, b, c, d) = (0, b / length, c / length, d / length)
        } else {
            a = a.squareRoot()
        }
        let sign = spacing[0] < 0 ? -1.0 : 1.0
        return [
            Vector3(a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)) * spacing[1],
            Vector3(2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)) * spacing[2],
            Vector3(2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - c * c - b * b) * spacing[3] * sign,
            Vector3(q[3], q[4], q[5]),
        ]
    }

    /// RAS columns to an LPS geometry. `pixdim` is the spacing, which other programs compute with, where the columns agree with
    /// it; a turned column of float32 has its length but for parts in ten million.
    private static func geometry(
        _ lengths: [Int],
        _ columns: [Vector3],
        pixdim: [Double]
    ) throws(NiftiError) -> VolumeGeometry {
        let lps = columns.map { Vector3(-$0.x, -$0.y, $0.z) }
        guard let i = normalized(lps[0]), let j = normalized(lps[1]), let k = normalized(lps[2]),
            abs(dot(i, j)) < 1e-3, abs(dot(i, k)) < 1e-3, abs(dot(j, k)) < 1e-3, lps[3].x.isFinite, lps[3].y.isFinite,
            lps[3].z.isFinite
        else { throw .unreadable(reason: "its axes are not at right angles") }
        func spacing(_ axis: Int) -> Double {
            let length = dot(lps[axis], lps[axis]).squareRoot()
            return abs(length - pixdim[axis]) <= 1e-6 * length ? pixdim[axis] : length
        }
        return VolumeGeometry(
            dimensions: Dimensions(i: lengths[0], j: lengths[1], k: lengths[2]),
            origin: PatientPoint(lps[3]),
            spacing: Vector3(spacing(0), spacing(1), spacing(2)),
            directionI: i,
            directionJ: j,
            directionK: k,
            frameOfReferenceUID: ""
        )
    }
}
