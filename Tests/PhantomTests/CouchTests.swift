import Imaging
import Phantom
import Testing

@Suite("What phantoms lie on")
struct CouchTests {
    /// 4 mm pixels, slices 20 mm apart, from the belly to above the head.
    static func phantom(_ seed: UInt64, _ couch: PhantomOptions.Couch) -> PhantomCase {
        var options = PhantomOptions()
        options.couch = couch
        let origin = PatientPoint(x: -258, y: -190, z: -150)
        let grid = PhantomAnatomyTests.grid(130, 110, 28, spacing: Vector3(4, 4, 20), origin: origin)
        return generatePhantom(
            seed: seed,
            options: options,
            scan: PhantomScan(geometry: grid, noiseHU: 0),
            threads: 2
        )
    }

    @Test(
        "a couch of any kind changes no voxel of the person",
        arguments: [PhantomOptions.Couch.flat, .curved, .mattress, .radiotherapy]
    )
    func person(couch: PhantomOptions.Couch) {
        for seed in UInt64(1)...3 {
            let (alone, lying) = (Self.phantom(seed, .none), Self.phantom(seed, couch))
            let outside = Set([Organ.air, .table, .clothing].map(\.rawValue))
            let isSame = zip(alone.organs.voxels, lying.organs.voxels).allSatisfy {
                $0 == $1 || outside.contains($0) && outside.contains($1)
            }
            #expect(isSame, "seed \(seed)")
            #expect(lying.organs.voxels.contains(Organ.table.rawValue), "seed \(seed)")
        }
    }

    @Test("the foams of radiotherapy are as light as lung, each in its own way")
    func foam() {
        var kinds: Set<Int> = []
        for seed in UInt64(1)...8 {
            let lying = Self.phantom(seed, .radiotherapy)
            let table = lying.organs.voxels.indices.filter { lying.organs.voxels[$0] == Organ.table.rawValue }
            let foam = table.map { Int(lying.ct.voxels[$0]) }.filter { (-999 ... -780).contains($0) }
            #expect(foam.count * 3 > table.count, "seed \(seed): \(foam.count) of \(table.count) voxels")
            for hu in foam { kinds.insert(hu / 30) }
        }
        #expect(kinds.count > 4, "\(kinds.sorted())")
    }

    @Test(
        "some who lie for radiotherapy have foam beside the trunk, as high as the back is deep, or blocks beside the head"
    )
    func immobilisation() {
        let seeds = (UInt64(1)...12).map { Self.phantom($0, .radiotherapy).organs }
        let isHeld = seeds.map { organs in
            let d = organs.geometry.dimensions
            func rows(_ organ: Organ) -> [Int] {
                (0..<d.j).filter { j in
                    (0..<d.k).contains { k in (0..<d.i).contains { organs[$0, j, k] == organ.rawValue } }
                }
            }
            // Table that lies in front of the rearmost skin.
            return (rows(.table).first ?? d.j) + 3 < (rows(.skin).last ?? 0)
        }
        #expect(isHeld.contains(true) && isHeld.contains(false))
    }
}
