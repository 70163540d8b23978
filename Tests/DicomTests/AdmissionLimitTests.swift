import Dicom
import Foundation
import Imaging
import Testing

/// One row a limit: what just passes and what just fails.
@Suite("Admission limits, just inside and just outside")
struct AdmissionLimitTests {
    private let limits = AdmissionLimits()

    @Test("limits that an earlier version wrote, which knew fewer, are read: the missing ones have their defaults")
    func earlierVersion() throws {
        let written = try JSONEncoder().encode(limits)
        let all = try #require(JSONSerialization.jsonObject(with: written) as? [String: Any])
        #expect(all.count > 25)
        for key in all.keys {
            let fewer = try JSONSerialization.data(withJSONObject: all.filter { $0.key != key })
            #expect(try JSONDecoder().decode(AdmissionLimits.self, from: fewer) == limits, "\(key)")
            var other = all
            other[key] = Self.another(all[key])
            let changed = try JSONSerialization.data(withJSONObject: other)
            #expect(try JSONDecoder().decode(AdmissionLimits.self, from: changed) != limits, "\(key) is read")
        }
    }

    /// A value of the same kind.
    private static func another(_ value: Any?) -> Any? {
        if let range = value as? [Double] { return [range[0] - 1, range[1]] }
        guard let number = value as? NSNumber else { return nil }
        // The encoder writes a truth value as `true`, and its number is 1.
        return number.objCType.pointee == 0x63 ? !number.boolValue : number.doubleValue + 1
    }

    private func stack(_ count: Int = 12, change: (Int, inout InstanceHeader) -> Void = { _, _ in }) throws
        -> [InstanceHeader]
    {
        let one = try SmallCT.headers()[0]
        return (0..<count).map { k in
            var header = one
            header.sopInstanceUID = "1.2.3.\(k + 1)"
            header.instanceNumber = k + 1
            header.imagesInAcquisition = count
            header.frames[0].position = PatientPoint(x: -40, y: -50, z: 100 + 3 * Double(k))
            change(k, &header)
            return header
        }
    }

    private func check(_ code: String, inside: [InstanceHeader], outside: [InstanceHeader]) {
        #expect(examineStack(inside, limits: limits).refusalCodes.isEmpty)
        #expect(examineStack(outside, limits: limits).refusalCodes == [code])
    }

    @Test("the number of slices")
    func slices() throws {
        check("E_TOO_FEW_SLICES", inside: try stack(limits.minimumSlices), outside: try stack(limits.minimumSlices - 1))
    }

    @Test("the smallest and the largest matrix")
    func matrix() throws {
        func square(_ size: Int) throws -> [InstanceHeader] {
            try stack {
                $1.rows = size; $1.columns = size
            }
        }
        check("E_MATRIX", inside: try square(limits.minimumMatrix), outside: try square(limits.minimumMatrix - 1))
        check("E_MATRIX", inside: try square(limits.maximumMatrix), outside: try square(limits.maximumMatrix + 1))
    }

    @Test("the number of voxels")
    func voxels() throws {
        func sized(_ count: Int) throws -> [InstanceHeader] {
            try stack(count) {
                $1.rows = 2000; $1.columns = 2000
            }
        }
        check("E_TOO_LARGE", inside: try sized(150), outside: try sized(151))
    }

    @Test("the slice spacing")
    func spacing() throws {
        func spaced(_ step: Double) throws -> [InstanceHeader] {
            try stack { $1.frames[0].position?.z = Double($0) * step }
        }
        check("E_SLICE_SPACING", inside: try spaced(10), outside: try spaced(10.01))
        check("E_SLICE_SPACING", inside: try spaced(0.2001), outside: try spaced(0.199))
    }

    @Test("the difference between slice spacings, by millimetres and by fraction")
    func unevenSpacing() throws {
        func shifted(_ by: Double, step: Double) throws -> [InstanceHeader] {
            try stack { $1.frames[0].position?.z = Double($0) * step + ($0 == 6 ? by : 0) }
        }
        check("E_UNEVEN_SPACING", inside: try shifted(0.099, step: 3), outside: try shifted(0.101, step: 3))
        check("E_UNEVEN_SPACING", inside: try shifted(0.159, step: 8), outside: try shifted(0.161, step: 8))
    }

    @Test("a distance near a multiple is a missing slice, beside it uneven spacing")
    func multiples() throws {
        func opened(_ by: Double) throws -> [InstanceHeader] {
            try stack { $1.frames[0].position?.z += $0 >= 6 ? by : 0 }
        }
        #expect(examineStack(try opened(3.19)).refusalCodes == ["E_MISSING_SLICE"])
        #expect(examineStack(try opened(3.21)).refusalCodes == ["E_UNEVEN_SPACING"])
    }

    @Test("small differences that add up")
    func drift() throws {
        func bent(_ total: Double) throws -> [InstanceHeader] {
            try stack(41) {
                $1.frames[0].position?.z = 3 * Double($0) + ($0 <= 20 ? Double($0) : Double(40 - $0)) * total / 20
            }
        }
        check("E_UNEVEN_SPACING", inside: try bent(0.49), outside: try bent(0.51))
        // Thin slices: a quarter of the spacing, before a slice lies nearer to its neighbour's place.
        func thin(_ total: Double) throws -> [InstanceHeader] {
            try stack(41) {
                $1.frames[0].position?.z = 0.8 * Double($0) + ($0 <= 20 ? Double($0) : Double(40 - $0)) * total / 20
            }
        }
        check("E_UNEVEN_SPACING", inside: try thin(0.19), outside: try thin(0.21))
    }

    @Test("slices at one position")
    func repeatedPosition() throws {
        func near(_ distance: Double) throws -> [InstanceHeader] {
            var headers = try stack { _, header in header.imagesInAcquisition = nil }
            var twin = headers[5]
            twin.sopInstanceUID = "1.2.3.50"
            twin.instanceNumber = 50
            twin.frames[0].position?.z += distance
            headers.append(twin)
            return headers
        }
        #expect(!examineStack(try near(0.011)).refusalCodes.contains("E_REPEATED_POSITION"))
        #expect(examineStack(try near(0.009)).refusalCodes == ["E_REPEATED_POSITION"])
    }

    @Test("sideways shift")
    func shift() throws {
        func shifted(_ by: Double) throws -> [InstanceHeader] {
            try stack { $1.frames[0].position?.x += $0 == 5 ? by : 0 }
        }
        check("E_SHIFTED_SLICES", inside: try shifted(0.499), outside: try shifted(0.501))
    }

    @Test("the tilt of the stack")
    func tilt() throws {
        func tilted(_ degrees: Double) throws -> [InstanceHeader] {
            try stack(60) { $1.frames[0].position?.y += 3 * Double($0) * tan(degrees * .pi / 180) }
        }
        // Below the angle a shift that large is still no straight stack, only not called tilt.
        #expect(examineStack(try tilted(0.16)).refusalCodes.isEmpty)
        #expect(examineStack(try tilted(0.49)).refusalCodes == ["E_SHIFTED_SLICES"])
        #expect(examineStack(try tilted(0.51)).refusalCodes == ["E_GANTRY_TILT"])
    }

    @Test("Gantry/Detector Tilt of a straight stack")
    func tiltAttribute() throws {
        func tilted(_ degrees: Double) throws -> [InstanceHeader] { try stack { $1.gantryTilt = degrees } }
        check("E_GANTRY_TILT", inside: try tilted(-0.5), outside: try tilted(-0.51))
    }

    @Test("the angle between orientations")
    func orientation() throws {
        func turned(_ degrees: Double) throws -> [InstanceHeader] {
            let (sine, cosine) = (sin(degrees * .pi / 180), cos(degrees * .pi / 180))
            return try stack { k, header in
                guard k == 5 else { return }
                header.frames[0].rowDirection = Vector3(cosine, sine, 0)
                header.frames[0].columnDirection = Vector3(-sine, cosine, 0)
            }
        }
        check("E_MIXED_ORIENTATION", inside: try turned(0.099), outside: try turned(0.101))
    }

    @Test("pixel spacing: size, variation and ratio")
    func pixelSpacing() throws {
        func spaced(_ rows: Double, _ columns: Double, last: Double? = nil) throws -> [InstanceHeader] {
            try stack { k, header in
                header.frames[0].pixelSpacing = PixelSpacing(
                    betweenRows: k == 11 ? last ?? rows : rows,
                    betweenColumns: columns
                )
            }
        }
        check("E_PIXEL_SPACING", inside: try spaced(5, 5), outside: try spaced(5.01, 5.01))
        check("E_PIXEL_SPACING", inside: try spaced(0.1, 0.1), outside: try spaced(0.099, 0.099))
        check("E_MIXED_GRID", inside: try spaced(1, 1, last: 1.0009), outside: try spaced(1, 1, last: 1.0011))
        check("E_NOT_SQUARE", inside: try spaced(1.5, 1), outside: try spaced(1.51, 1))
        #expect(examineStack(try spaced(1.009, 1)).codes.isEmpty)
        #expect(examineStack(try spaced(1.011, 1)).codes == ["W_NOT_SQUARE"])
    }
}
