import Imaging
import Phantom
import Testing

@Suite("The bronchi of phantoms")
struct BronchiTests {
    /// Organs from the trachea's lower end to the lower bronchi, 2 mm between voxels.
    private static func organs(_ seed: UInt64) -> Volume<UInt8> {
        let apex = ThoraxAnatomy(seed: seed).scanRange.upperBound - 25
        let grid = PhantomAnatomyTests.grid(
            76,
            70,
            70,
            spacing: Vector3(2, 2, 2),
            origin: PatientPoint(x: -75, y: -75, z: apex / 2 - 100)
        )
        return PhantomAnatomyTests.quiet(seed, PhantomOptions(), grid).organs
    }

    /// Lumina that a part of the grid shows apart from each other.
    private static func lumina(_ organs: Volume<UInt8>, columns: Range<Int>, slices: Range<Int>) -> Int {
        let box = Dimensions(i: columns.count, j: organs.geometry.dimensions.j, k: slices.count)
        return ConnectedComponents(in: box, connectivity: .faces) { j, k, row in
            for i in 0..<box.i {
                let organ = organs[columns.lowerBound + i, j, slices.lowerBound + k]
                row[i] = organ == Organ.airway.rawValue ? 1 : 0
            }
        }.sizes.count
    }

    @Test(
        "three bronchi leave to the lobes of the right lung, two to those of the left one",
        arguments: (1...8).map(UInt64.init)
    )
    func lobes(seed: UInt64) {
        let organs = Self.organs(seed)
        // In sagittal planes from 31 mm off the middle outwards.
        let right = (0...22).map { Self.lumina(organs, columns: $0..<($0 + 1), slices: 0..<70) }
        let left = (53...75).map { Self.lumina(organs, columns: $0..<($0 + 1), slices: 0..<70) }
        #expect(right.max() == 3, "\(right)")
        #expect((2...3).contains(left.max() ?? 0), "\(left)")
    }

    @Test("the trachea of one divides higher over the hila than that of another, by more than 12 mm")
    func carina() throws {
        let depths = try (1...8).map { seed -> Int in
            let organs = Self.organs(UInt64(seed))
            // Planes from above that keep off the bronchi of the upper lobes.
            let first = (0..<70).reversed().first { k in
                Self.lumina(organs, columns: 21..<55, slices: k..<(k + 1)) > 1
            }
            return 2 * (69 - (try #require(first)))
        }
        #expect(try #require(depths.max()) - #require(depths.min()) > 12, "\(depths) mm")
    }
}
