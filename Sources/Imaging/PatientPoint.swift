/// A displacement or a triple of per-axis numbers; millimetres unless the name says otherwise.
package typealias Vector3 = SIMD3<Double>

/// A point in DICOM patient coordinates: LPS, millimetres (PS3.3 C.7.6.2.1.1).
///
/// x grows to the patient's left, y to the back, z to the head. It is a type of its own so that it
/// cannot be mixed up with a `VoxelIndex`.
package struct PatientPoint: Hashable, Sendable, Codable {
    package var x: Double
    package var y: Double
    package var z: Double

    package init(x: Double, y: Double, z: Double) {
        self.x = x
        self.y = y
        self.z = z
    }

    package init(_ vector: Vector3) { self.init(x: vector.x, y: vector.y, z: vector.z) }

    package var vector: Vector3 { Vector3(x, y, z) }
}

/// The place of a voxel in a volume: i = column (fastest in memory), j = row, k = slice, from 0.
package struct VoxelIndex: Hashable, Sendable, Codable {
    package var i: Int
    package var j: Int
    package var k: Int

    package init(i: Int, j: Int, k: Int) {
        self.i = i
        self.j = j
        self.k = k
    }
}

/// Numbers of columns (i), rows (j) and slices (k).
package struct Dimensions: Hashable, Sendable, Codable {
    package var i: Int
    package var j: Int
    package var k: Int

    package init(i: Int, j: Int, k: Int) {
        self.i = i
        self.j = j
        self.k = k
    }

    package var voxelCount: Int { i * j * k }
}
