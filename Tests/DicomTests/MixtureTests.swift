import Dicom
import Imaging
import Testing

/// A stack along z, 4 mm apart, from `z` on.
private func stack(
    _ count: Int = 12,
    from z: Double = 100,
    step: Double = 4,
    uid: String = "a",
    change: (Int, inout InstanceHeader) -> Void = { _, _ in }
) throws -> [InstanceHeader] {
    let one = try SmallCT.headers()[0]
    return (0..<count).map { k in
        var header = one
        header.sopInstanceUID = "1.2.3.\(uid == "a" ? 1 : 2).\(k + 1)"
        header.instanceNumber = k + 1
        header.imagesInAcquisition = nil
        header.frames[0].position = PatientPoint(x: -40, y: -50, z: z + step * Double(k))
        header.frames[0].sliceThickness = step
        change(k, &header)
        return header
    }
}

private typealias Change = (inout InstanceHeader) -> Void

@Suite("Acquisitions that are laid into each other")
struct MixtureTests {
    /// What differs between two scans: the attribute as it is told, the first's value and the second's.
    private let differences: [(name: String, first: Change, second: Change)] = [
        ("Acquisition Number", { $0.acquisitionNumber = 1 }, { $0.acquisitionNumber = 2 }),
        ("Convolution Kernel", { $0.convolutionKernel = "B30f" }, { $0.convolutionKernel = "B80f" }),
        (
            "Image Type", { $0.imageType = ["ORIGINAL", "PRIMARY", "AXIAL", "A"] },
            {
                $0.imageType[2] = "AXIAL"; $0.imageType.append("B")
            }
        ),
        ("KVP", { $0.kvp = 80 }, { $0.kvp = 140 }),
        ("Nominal Percentage of Cardiac Phase", { $0.frames[0].cardiacPhase = 30 }, { $0.frames[0].cardiacPhase = 70 }),
        ("Slice Thickness", { $0.frames[0].sliceThickness = 1 }, { $0.frames[0].sliceThickness = 4 }),
        (
            "Acquisition Time", { $0.frames[0].acquisitionSeconds = 43_200 },
            { $0.frames[0].acquisitionSeconds = 43_200 + 900 }
        ),
    ]

    @Test("two scans half a spacing apart are divided by whatever tells them apart, and not taken as one")
    func interleaved() throws {
        for (name, first, second) in differences {
            let headers =
                try stack { first(&$1) } + stack(from: 102, uid: "b") { second(&$1) }
            let parts = stacks(of: headers.shuffled())
            #expect(parts.map(\.indices.count) == [12, 12], "\(name)")
            let shuffled = headers.shuffled()
            let told = stackParts(of: stacks(of: shuffled), headers: shuffled)
            #expect(told.first??.attributes.filter(\.divides).map(\.name) == [name])
            for part in stacks(of: headers) {
                let examination = examineStack(part.indices.map { headers[$0] })
                #expect(examination.isAcceptable && examination.commonSpacingMM == 4, "\(name)")
            }
        }
    }

    @Test("scans that lie 0.05 mm apart, or of which slices are missing, are divided, too")
    func otherOffsets() throws {
        let near =
            try stack { $1.acquisitionNumber = 1 } + stack(from: 100.05, uid: "b") { $1.acquisitionNumber = 2 }
        #expect(stacks(of: near).map(\.indices.count) == [12, 12])
        var lacking =
            try stack { $1.acquisitionNumber = 1 } + stack(from: 102, uid: "b") { $1.acquisitionNumber = 2 }
        lacking.remove(at: 17)
        lacking.remove(at: 5)
        let parts = stacks(of: lacking)
        #expect(parts.map(\.indices.count) == [11, 11])
        for part in parts {
            let examination = examineStack(part.indices.map { lacking[$0] })
            #expect(examination.refusalCodes == ["E_MISSING_SLICE"] && examination.gaps.map(\.missingSlices) == [1])
        }
    }

    @Test("a scan of 5 mm and one of 1.25 mm in each other are divided")
    func thinAndThick() throws {
        let headers =
            try stack(40, step: 1.25) { $1.convolutionKernel = "LUNG" }
            + stack(10, from: 100.6, step: 5, uid: "b") { $1.convolutionKernel = "SOFT" }
        #expect(stacks(of: headers).map(\.indices.count) == [40, 10])
    }

    @Test("acquisitions that follow each other, one a slice, and differences of the current are one volume")
    func wholeScans() throws {
        let changes: [(String, (Int, inout InstanceHeader) -> Void)] = [
            ("two helical acquisitions", { $1.acquisitionNumber = $0 < 5 ? 3 : 4 }),
            (
                "step and shoot",
                {
                    $1.acquisitionNumber = 40 + $0; $1.frames[0].acquisitionSeconds = 100 + 75 * Double($0)
                }
            ),
            ("step and shoot, four slices a rotation", { $1.acquisitionNumber = 1 + $0 / 4 }),
            ("times of slices", { $1.frames[0].acquisitionSeconds = 100 + 0.21 * Double($0 % 5) }),
            ("a pause", { $1.frames[0].acquisitionSeconds = $0 < 5 ? 100 : 800 }),
            ("times that an anonymiser made", { $1.frames[0].acquisitionSeconds = Double($0 * 7919 % 83 * 1000) }),
            ("single images that an archive compressed", { $1.imageType[0] = $0 % 3 == 1 ? "DERIVED" : "ORIGINAL" }),
            ("numbers that are missing here and there", { $1.acquisitionNumber = $0 % 4 == 1 ? nil : 1 }),
        ]
        for (name, change) in changes {
            let headers = try stack(change: change)
            #expect(stacks(of: headers).count == 1, "\(name)")
            #expect(examineStack(headers).codes == ["W_EXTENT_NOT_PROVABLE"], "\(name)")
        }
    }

    @Test("a slice of another acquisition or reconstruction in between is refused and named")
    func patched() throws {
        for (name, first, second) in differences.prefix(4) {
            let headers = try stack { k, header in k == 6 ? second(&header) : first(&header) }
            #expect(stacks(of: headers).count == 1)
            let examination = examineStack(headers)
            #expect(examination.refusalCodes == ["E_INTERLEAVED"], "\(name)")
            #expect(examination.refusals[0].message.contains(name))
            #expect(examination.refusals[0].sliceDetails.count == 2)
            #expect(examination.refusals[0].sliceDetails[0].hasPrefix("slice 6 at 120 mm has"))
        }
    }
}

@Suite("What images are by name")
struct MeaningTests {
    private func codes(imageType: [String], _ change: Change = { _ in }) throws -> [String] {
        try examineStack(
            stack { _, header in
                header.imageType = ["DERIVED", "SECONDARY"] + imageType
                header.imagesInAcquisition = 12
                change(&header)
            }
        ).codes
    }

    @Test("projections and renderings are refused, by whole words and in every spelling")
    func projections() throws {
        for type in [
            ["AXIAL", "MIP"], ["AXIAL", "MINIP"], ["REFORMATTED", "MIN IP"], ["MNIP"],
            ["PROJECTION IMAGE", "CSA MIP THIN"],
            ["mip_tra"], ["PJN", "HD MIP"], ["VOLUME", "MAXIMUM"], ["AXIAL", "CT_SOM5 MIP"], ["VOLUME RENDERING"],
            ["CPR"],
        ] {
            #expect(try codes(imageType: type) == ["E_PROJECTION"], "\(type)")
        }
        for derivation in ["113078", "113079", "113074"] {
            #expect(try codes(imageType: ["AXIAL"]) { $0.derivationCodes = [derivation] } == ["E_PROJECTION"])
        }
    }

    @Test("maps of other quantities are refused as no Hounsfield units")
    func maps() throws {
        for type in [
            ["AXIAL", "IODINE"], ["AXIAL", "ELECTRON_DENSITY"], ["AXIAL", "EFFECTIVE ATOMIC NUMBER"],
            ["AXIAL", "Z_EFF"],
            ["AXIAL", "EFF_ATOMIC_NUM"], ["AXIAL", "IODINE(WATER)"], ["PERFUSION", "RCBF"], ["AXIAL", "MAT_SPECIFIC"],
        ] {
            #expect(try codes(imageType: type) == ["E_NOT_HU"], "\(type)")
        }
    }

    @Test("computed Hounsfield units are warned about")
    func spectral() throws {
        for type in [
            ["AXIAL", "MONOENERGETIC"], ["AXIAL", "MONO_40KEV"], ["AXIAL", "VMI"], ["AXIAL", "VNC"],
            ["AXIAL", "MAT_REMOVED"],
        ] {
            #expect(try codes(imageType: type) == ["W_SPECTRAL"], "\(type)")
        }
    }

    @Test("reformats, averages and what scanners write are plain slices")
    func plain() throws {
        for type in [
            ["AXIAL"], ["MPR"], ["REFORMATTED", "AVERAGE"], ["MPR", "CSA MPR THICK", "", "M"],
            ["AXIAL", "CT_SOM5 SPI"],
            ["AXIAL", "CT_SOM7 SPI DUAL", "STD", "SNRG"], ["AXIAL", "HELIX"], ["VOLUME", "NONE"],
            ["AXIAL", "CT_SOM5 MON"],
            ["AXIAL", "RESAMPLED"], ["OTHER"], ["AXIAL", "MIPS"], ["AXIAL", "MEAN"], [],
        ] {
            #expect(try codes(imageType: type).isEmpty, "\(type)")
        }
    }

    @Test("frames of an enhanced image are judged by their own type and calculation")
    func frames() throws {
        typealias FrameChange = (inout FrameHeader) -> Void
        let cases: [([String], FrameChange)] = [
            (["E_PROJECTION"], { $0.frameType = ["DERIVED", "PRIMARY", "VOLUME", "MAXIMUM"] }),
            (["E_PROJECTION"], { $0.volumeCalculation = "MAX_IP" }),
            (["E_PROJECTION"], { $0.volumeCalculation = "MIN_IP" }),
            (["E_PROJECTION"], { $0.volumeCalculation = "VOLUME_RENDER" }),
            (["E_PROJECTION"], { $0.volumetricProperties = "DISTORTED" }),
            (["E_NOT_HU"], { $0.frameType = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"] }),
            ([], { $0.volumeCalculation = "MPR" }), ([], { $0.volumeCalculation = "NONE" }),
            ([], { $0.volumetricProperties = "VOLUME" }),
        ]
        for (expected, change) in cases {
            #expect(try codes(imageType: ["VOLUME", "NONE"]) { change(&$0.frames[0]) } == expected)
        }
    }

    @Test("slices that are much thicker than they lie apart are a finding")
    func thick() throws {
        let limit = AdmissionLimits().thickSliceRatio
        for (thickness, expected) in [(4 * limit - 0.01, []), (4 * limit + 0.01, ["W_THICK_SLICES"])] {
            #expect(try codes(imageType: ["MPR"]) { $0.frames[0].sliceThickness = thickness } == expected)
        }
    }
}

@Suite("Most slices missing")
struct SparseStackTests {
    /// 25 of 78 slices, as a slow sender in random order has sent so far: distances 8, 12, 20, 48, 64 mm and others, 4 in common.
    private static let places = [
        5, 9, 10, 13, 16, 25, 27, 29, 30, 32, 34, 36, 38, 40, 43, 47, 49, 52, 54, 58, 60, 63, 68, 70, 77,
    ]

    private func sparse(_ places: [Int] = places, numbered: Bool = true, step: Double = 4) throws -> [InstanceHeader] {
        let whole = try stack(78, step: step) { _, header in
            if !numbered { header.instanceNumber = nil }
        }
        return places.map { whole[$0] }
    }

    @Test("what is left of an even stack is known by the step that all distances share")
    func randomSlices() throws {
        let expected = zip(Self.places, Self.places.dropFirst()).map { $1 - $0 - 1 }.filter { $0 > 0 }
        for numbered in [true, false] {
            let examination = examineStack(try sparse(numbered: numbered))
            #expect(examination.refusalCodes == ["E_MISSING_SLICE"])
            #expect(examination.gaps.map(\.missingSlices) == expected)
            #expect(abs((examination.commonSpacingMM ?? 0) - 4) < 1e-9)
        }
    }

    @Test("distances that all are larger than any spacing are gaps, too")
    func noNeighbours() throws {
        let examination = examineStack(try sparse([3, 9, 18, 30, 33, 45, 51, 60, 75]))
        #expect(examination.refusalCodes == ["E_MISSING_SLICE"])
        #expect(examination.gaps.map(\.missingSlices) == [5, 8, 11, 2, 11, 5, 8, 14])
        // Without numbers Slice Thickness is the hint: the distances share 12 mm, which is no spacing.
        let unnumbered = examineStack(try sparse([3, 9, 18, 30, 33, 45, 51, 60, 75], numbered: false))
        #expect(unnumbered.gaps.map(\.missingSlices) == [5, 8, 11, 2, 11, 5, 8, 14])
    }

    @Test("promises that gaps break say nothing about wrong counts")
    func promises() throws {
        var headers = try sparse()
        for n in headers.indices { headers[n].imagesInAcquisition = 78 }
        let examination = examineStack(headers)
        #expect(examination.refusalCodes == ["E_MISSING_SLICE", "E_MISSING_END_SLICES"])
        #expect(!examination.refusals[1].hint.contains("refuse_unkept_counts"))
    }

    @Test("distances without a common step, and slices that are numbered without a hole, are uneven")
    func uneven() throws {
        func apart(_ distances: [Double], numbered: Bool) throws -> [InstanceHeader] {
            var z = 0.0
            return try stack(distances.count + 1) { k, header in
                if !numbered { header.instanceNumber = nil }
                header.frames[0].position?.z = z
                if k < distances.count { z += distances[k] }
            }
        }
        let random = [3, 4.3, 5.1, 7.7, 3.6, 8.9, 4.7, 6.4, 5.5]
        #expect(examineStack(try apart(random, numbered: false)).refusalCodes == ["E_UNEVEN_SPACING"])
        let alternating = [2.0, 4, 4, 2, 4, 4, 2, 4, 2]
        #expect(examineStack(try apart(alternating, numbered: true)).refusalCodes == ["E_UNEVEN_SPACING"])
        #expect(examineStack(try apart(alternating, numbered: false)).refusalCodes == ["E_MISSING_SLICE"])
    }
}
