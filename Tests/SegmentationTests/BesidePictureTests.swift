import Imaging
import Segmentation
import Testing

@Suite("A lung that the picture does not reach")
struct BesidePictureTests {
    static let code = "W_BESIDE_PICTURE"

    /// How a lung that was not found is told, where the other one was.
    static func told(
        on ct: VolumeGeometry,
        input: (Vector3) -> Float = { Float(ToyChest.hu($0)) },
        change: (inout ModelDescription) -> Void = { _ in },
        label: @escaping (Vector3) -> UInt8 = { ToyChest.label($0) == 2 ? 2 : 0 }
    ) -> [SegmentationFinding] {
        PatientOutlineTests.judged(on: ct, input: input, change: change, label: label).findings
            .filter { [code, "W_STRUCTURE_NOT_FOUND"].contains($0.code) }
    }

    /// The toy chest's CT without what lies to the left of `x`; its right lung ends at -12 mm.
    static func half(endingAt x: Double, signs: Vector3 = Vector3(1, 1, 1)) -> VolumeGeometry {
        var ct = PatientOutlineTests.ct(signs: signs)
        let columns = Int(((x + 158.4) / 3.2).rounded()) + 1
        if signs.x < 0 { ct.origin = PatientPoint(ct.origin.vector - Vector3(Double(100 - columns) * 3.2, 0, 0)) }
        ct.dimensions.i = columns
        return ct
    }

    @Test(
        "is told as that, however the CT is stored",
        arguments: [Vector3(1, 1, 1), Vector3(-1, 1, 1), Vector3(-1, -1, -1)]
    )
    func half(signs: Vector3) {
        let findings = Self.told(on: Self.half(endingAt: -2, signs: signs))
        #expect(findings.map(\.code) == [Self.code] && findings.map(\.structure) == ["Lung_L"])
        #expect(
            findings.first?.message
                == "Lung_L was not found: the picture ends within 15 mm of Lung_R, on the side where it would lie"
        )
    }

    @Test("is one of the left side as well")
    func left() {
        var ct = PatientOutlineTests.ct()
        // What lies to the right of 8 mm is not in the picture; the left lung begins at 18 mm.
        (ct.origin, ct.dimensions.i) = (PatientPoint(ct.origin.vector + Vector3(166.4, 0, 0)), 48)
        let findings = Self.told(on: ct, label: { ToyChest.label($0) == 1 ? 1 : 0 })
        #expect(findings.map(\.code) == [Self.code] && findings.map(\.structure) == ["Lung_R"])
    }

    @Test(
        "is missing where the picture goes on for more than 15 mm, as after a pneumonectomy",
        arguments: [12.0, 60, 158]
    )
    func goesOn(x: Double) {
        #expect(Self.told(on: Self.half(endingAt: -2)).map(\.code) == [Self.code])
        #expect(Self.told(on: Self.half(endingAt: x)).map(\.code) == ["W_STRUCTURE_NOT_FOUND"])
    }

    @Test("is missing where the one that was found bears the wrong side")
    func exchanged() {
        // To the right of this lung comes the wall of the chest, and then air.
        let findings = Self.told(on: Self.half(endingAt: -2), label: { ToyChest.label($0) == 2 ? 1 : 0 })
        #expect(findings.map(\.code) == ["W_STRUCTURE_NOT_FOUND"] && findings.map(\.structure) == ["Lung_R"])
    }

    @Test("is missing where both were found as one")
    func merged() {
        var ct = PatientOutlineTests.ct()
        // From -107.2 to 107.2 mm: the picture cuts the patient on both sides.
        (ct.origin, ct.dimensions.i) = (PatientPoint(ct.origin.vector + Vector3(51.2, 0, 0)), 68)
        func lungs(_ radius: Double) -> [String] {
            Self.told(on: ct, label: { ToyChest.ellipse($0, Vector3(0, 0, 0), Vector3(radius, 40, 40)) ? 2 : 0 }).map(
                \.code
            )
        }
        #expect(lungs(104) == ["W_STRUCTURE_NOT_FOUND"])
        #expect(lungs(96) == [Self.code])
    }

    @Test("is told as that where the rim of a round picture ends beside the other one")
    func rim() {
        func seen(_ centre: Double) -> (Vector3) -> Float {
            { p in
                let offset = Vector3(p.x - centre, p.y, 0)
                return dot(offset, offset) <= 80 * 80 ? Float(ToyChest.hu(p)) : -1000
            }
        }
        var ct = PatientOutlineTests.ct()
        // Around -80 mm: the rim lies at 0.
        (ct.origin, ct.dimensions.i) = (PatientPoint(Vector3(-80 - 84.8, ct.origin.vector.y, ct.origin.vector.z)), 54)
        #expect(Self.told(on: ct, input: seen(-80)).map(\.code) == [Self.code])
        // Around 0: the rim lies at 80.
        #expect(Self.told(on: PatientOutlineTests.ct(), input: seen(0)).map(\.code) == ["W_STRUCTURE_NOT_FOUND"])
    }

    @Test("is missing where more of it was seen than counts as found, and was refused")
    func refused() {
        func told(_ radius: Double) -> [String] {
            // 0.5 or 5.6 mL before the right lung that were taken for a left one.
            Self.told(
                on: Self.half(endingAt: -2),
                change: {
                    $0.rois[0].acceptance.minimumVolumeML = 3
                    $0.rois[0].acceptance.maximumVolumeML = 4
                },
                label: { p in
                    ToyChest.ellipse(p, Vector3(-54, -72, 0), Vector3(repeating: radius))
                        ? 1 : ToyChest.label(p) == 2 ? 2 : 0
                }
            ).map(\.code)
        }
        #expect(told(5) == [Self.code])
        #expect(told(11) == ["W_STRUCTURE_NOT_FOUND"])
    }

    @Test("is missing where nobody can say: without a counterpart or a side, and where no patient is seen")
    func unknown() {
        let ct = Self.half(endingAt: -2)
        for change in [
            { $0.rois[0].plausibility.symmetry = nil }, { $0.rois[0].plausibility.side = nil },
            { $0.rois[1].plausibility.side = nil }, { $0.rois[1].plausibility.side = .left },
        ] as [(inout ModelDescription) -> Void] {
            #expect(Self.told(on: ct, change: change).map(\.code) == ["W_STRUCTURE_NOT_FOUND"])
        }
        #expect(Self.told(on: ct, input: { _ in -800 }).map(\.code) == ["W_STRUCTURE_NOT_FOUND"])
    }
}
