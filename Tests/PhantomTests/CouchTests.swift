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
        "a couch of any kind changes no voxel of the person, and the foam in it is as light as lung",
        arguments: [PhantomOptions.Couch.flat, .curved, .mattress, .radiotherapy]
    )
    func foam(couch: PhantomOptions.Couch) {
        var lightest: Set<Int> = []
        for seed in UInt64(1)...6 {
            let (alone, lying) = (Self.phantom(seed, .none), Self.phantom(seed, couch))
            let outside = Set([Organ.air, .table, .clothing].map(\.rawValue))
            let isSame = zip(alone.organs.voxels, lying.organs.voxels).allSatisfy {
                $0 == $1 || outside.contains($0) && outside.contains($1)
            }
            #expect(isSame, "seed \(seed)")
            let table = lying.organs.voxels.indices.filter { lying.organs.voxels[$0] == Organ.table.rawValue }
            let foam = table.map { lying.ct.voxels[$0] }.filter { (-999 ... -820).contains($0) }
            #expect(foam.count * 3 > table.count, "seed \(seed): \(foam.count) of \(table.count) voxels")
            guard !foam.isEmpty else { continue }
            lightest.insert(Int(foam.sorted()[foam.count / 2]) / 20)
        }
        #expect(lightest.count > 1, "the foams of all are alike")
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
