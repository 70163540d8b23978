import Dicom
import Foundation
import Imaging
import Testing

@Suite("Contours that are drawn over another one of their slice")
struct OverdrawnContourTests {
    private let geometry = VolumeGeometry(
        dimensions: Dimensions(i: 64, j: 64, k: 4),
        origin: PatientPoint(x: 0, y: 0, z: 0),
        spacing: Vector3(1, 1, 3),
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: "1.2"
    )

    /// A round contour, in mm.
    private func circle(_ radius: Double, x: Double = 30.3, y: Double = 31.7, slice: Int = 1) -> [PatientPoint] {
        (0..<48).map { n in
            let angle = Double(n) * .pi / 24
            return PatientPoint(x: x + radius * cos(angle), y: y + radius * sin(angle), z: 3 * Double(slice))
        }
    }

    private func overdrawn(_ contours: [PatientPoint]...) -> Int {
        var structure = RTStructure(number: 1, name: "A", contours: [])
        structure.contours = contours.map {
            RTStructure.Contour(points: $0, geometricType: "CLOSED_PLANAR", referencedSOPInstanceUID: nil)
        }
        return structure.contoursOverdrawn(on: geometry)
    }

    @Test("the same outline is known again: as it is, reversed, from another point on, rounded, or moved by 3 mm")
    func again() {
        let first = circle(12)
        let rounded = first.map { PatientPoint(x: $0.x.rounded(), y: ($0.y * 10).rounded() / 10, z: $0.z) }
        for second in [first, first.reversed(), Array(first[7...] + first[..<7]), rounded, circle(12, x: 33.3)] {
            #expect(overdrawn(first, second) == 1)
        }
        #expect(overdrawn(first, first, first) == 2)
    }

    @Test("holes, islands, neighbours and the next slice are none, however thin a wall is left")
    func legitimate() {
        #expect(overdrawn(circle(12), circle(5)) == 0)
        #expect(overdrawn(circle(10.5), circle(12)) == 0)
        #expect(overdrawn(circle(12), circle(10), circle(8)) == 0)
        #expect(overdrawn(circle(12, x: 15), circle(12, x: 45)) == 0)
        #expect(overdrawn(circle(12, x: 20), circle(12, x: 38)) == 0)
        #expect(overdrawn(circle(12), circle(12, slice: 2)) == 0)
    }

    @Test("what lies beside the picture, or at impossible places, costs nothing")
    func beside() {
        #expect(overdrawn(circle(8, x: -1e7), circle(8, x: -1e7)) == 0)
        #expect(overdrawn(circle(1e8), circle(12)) == 0)
        #expect(overdrawn(circle(12, x: 0), circle(12, x: 1).reversed()) == 1)
    }
}
