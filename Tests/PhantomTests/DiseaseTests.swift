import Imaging
import Phantom
import Testing

@Suite("What is wrong with phantoms, and what was put into them")
struct DiseaseTests {
    /// 5 mm pixels, slices 8 mm apart, from below the recesses to the neck.
    static func person(_ seed: UInt64, _ diseases: Set<PhantomOptions.Disease>) -> Volume<UInt8> {
        var options = PhantomOptions()
        options.diseases = diseases
        let origin = PatientPoint(x: -187.5, y: -137.5, z: -150)
        let grid = PhantomAnatomyTests.grid(76, 56, 48, spacing: Vector3(5, 5, 8), origin: origin)
        return PhantomAnatomyTests.quiet(seed, options, grid).organs
    }

    static func volumesML(_ organs: Volume<UInt8>, _ wanted: [[Organ]]) -> [Double] {
        wanted.map { organs in Set(organs.map(\.rawValue)) }.map { wanted in
            Double(organs.voxels.count { wanted.contains($0) }) * organs.geometry.voxelVolumeMM3 / 1000
        }
    }

    @Test("a collapsed lobe is airless, and less of its lung holds air", arguments: (1...12).map(UInt64.init))
    func collapse(seed: UInt64) throws {
        let (ill, healthy) = (Self.person(seed, [.collapse]), Self.person(seed, []))
        let airless = Self.volumesML(ill, [[.consolidationLeft], [.consolidationRight]])
        let side = try #require(airless.firstIndex { $0 > 0 })
        #expect((50...320).contains(airless[side]) && airless[1 - side] == 0, "\(airless) mL")
        let lungs: [[Organ]] = [[.lungLeft], [.lungRight]]
        let (before, after) = (Self.volumesML(healthy, lungs)[side], Self.volumesML(ill, lungs)[side])
        #expect(after < before - airless[side] / 2, "\(before) mL, then \(after) mL")
    }

    @Test("after a pneumonectomy the lung that is left has the disease", arguments: (1...6).map(UInt64.init))
    func remainingLung(seed: UInt64) {
        let organs = Self.person(seed, [.mass, .pneumonectomy])
        let lungs = Self.volumesML(organs, [[.lungLeft], [.lungRight]])
        let tumours = Self.volumesML(organs, [[.tumourLeft], [.tumourRight]])
        #expect(lungs.min() == 0)
        #expect((tumours[0] > 0) == (lungs[0] > 0) && (tumours[1] > 0) == (lungs[1] > 0), "\(tumours) mL")
    }

    @Test(
        "of the nodules many lie within 3 cm of the mediastinum, where vessels of the hilum are as wide, and many do not"
    )
    func innerNodules() {
        // Before they were drawn so, three in ten of their voxels were.
        let mediastinum: Set<Organ> = [.heart, .myocardium, .aorta, .greatVessel, .vein, .airway, .mediastinalFat]
        let (tumour, inner) = (
            Set([Organ.tumourLeft, .tumourRight].map(\.rawValue)), Set(mediastinum.map(\.rawValue))
        )
        var (near, all) = (0, 0)
        for seed in 1...24 {
            let organs = Self.person(UInt64(seed), [.nodules])
            for n in organs.voxels.indices where tumour.contains(organs.voxels[n]) {
                let row = n - n % organs.geometry.dimensions.i
                let reach = max(row, n - 6)...min(row + organs.geometry.dimensions.i - 1, n + 6)
                if reach.contains(where: { inner.contains(organs.voxels[$0]) }) { near += 1 }
                all += 1
            }
        }
        #expect(all > 400 && (0.4...0.7).contains(Double(near) / Double(all)), "\(near) of \(all)")
    }

    @Test("some tumours are as large as a fist, most are smaller")
    func largeTumours() {
        // What of them lies in the lung: at the wall and at the heart that is half of one.
        let sizes = (1...24).map { seed in
            Self.volumesML(Self.person(UInt64(seed), [.mass]), [[.tumourLeft, .tumourRight]])[0]
        }
        #expect(
            sizes.contains { $0 > 300 } && sizes.count { $0 > 190 } >= 3 && sizes.count { $0 < 100 } > 8,
            "\(sizes) mL"
        )
    }

    @Test("most consolidations hold no air, some keep it in pockets")
    func pockets() {
        let origin = PatientPoint(x: -189, y: -139, z: -60)
        let grid = PhantomAnatomyTests.grid(190, 140, 40, spacing: Vector3(2, 2, 5), origin: origin)
        let filled: Set = [Organ.consolidationLeft.rawValue, Organ.consolidationRight.rawValue]
        let aerated = (1...12).map { seed in
            var options = PhantomOptions()
            options.diseases = [.consolidation]
            let ill = PhantomAnatomyTests.quiet(UInt64(seed), options, grid)
            let consolidation = ill.organs.voxels.indices.filter { filled.contains(ill.organs.voxels[$0]) }
            return Double(consolidation.count { ill.ct.voxels[$0] < -400 }) / Double(max(1, consolidation.count))
        }
        #expect(aerated.count { $0 > 0.1 } >= 2 && aerated.count { $0 < 0.05 } >= 5, "\(aerated)")
    }

    @Test(
        "leads and catheters run in veins and the heart: none lies where lung is",
        arguments: (1...3).map(UInt64.init)
    )
    func leads(seed: UInt64) {
        func organs(_ implants: Set<PhantomOptions.Implant>) -> Volume<UInt8> {
            var options = PhantomOptions()
            options.implants = implants
            let origin = PatientPoint(x: -199, y: -150, z: -60)
            let grid = PhantomAnatomyTests.grid(160, 110, 50, spacing: Vector3(2.5, 2.5, 6), origin: origin)
            return PhantomAnatomyTests.quiet(seed, options, grid).organs
        }
        let (with, without) = (organs([.pacemaker, .port]), organs([]))
        let metal = with.voxels.indices.filter { with.voxels[$0] == Organ.metal.rawValue }
        #expect(metal.count > 200)
        let inLung = metal.filter { PhantomAnatomyTests.lungs.contains(without.voxels[$0]) }
        #expect(inLung.isEmpty, "\(inLung.count) of \(metal.count) voxels")
    }

    @Test("leads of an ECG lie on the skin, and end in electrodes", arguments: (1...4).map(UInt64.init))
    func electrodes(seed: UInt64) {
        var options = PhantomOptions()
        options.implants = [.ecgLeads]
        let origin = PatientPoint(x: -150, y: -190, z: 0)
        let grid = PhantomAnatomyTests.grid(200, 130, 60, spacing: Vector3(1.5, 1.5, 4), origin: origin)
        let phantom = PhantomAnatomyTests.quiet(seed, options, grid)
        let organs = phantom.organs
        // A blanket is thinner than a pixel and never so dense.
        let leads = PhantomAnatomyTests.indices(organs, [.clothing]).filter { phantom.ct[$0.i, $0.j, $0.k] > -400 }
        #expect(leads.count > 60)
        let afloat = leads.filter { i, j, k in
            // 20 mm: leads are lifted up to 8 mm, and the skin may slope.
            !(j...min(j + 13, organs.geometry.dimensions.j - 1)).contains { organs[i, $0, k] == Organ.skin.rawValue }
        }
        #expect(afloat.count * 10 < leads.count, "\(afloat.count) of \(leads.count) voxels")
    }
}
