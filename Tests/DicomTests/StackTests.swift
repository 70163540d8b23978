import Dicom
import Foundation
import Imaging
import Testing

/// Headers of a straight stack along z, 3 mm apart, to be disturbed.
private func stack(_ count: Int = 12) throws -> [InstanceHeader] {
    let one = try SmallCT.headers(SmallCT.geometry(slices: 12))[0]
    return (0..<count).map { k in
        var header = one
        header.sopInstanceUID = "1.2.3.\(k + 1)"
        header.instanceNumber = k + 1
        header.imagesInAcquisition = count
        header.frames[0].position = PatientPoint(x: -40, y: -50, z: 100 + 3 * Double(k))
        return header
    }
}

private func refusals(_ headers: [InstanceHeader], _ limits: AdmissionLimits = AdmissionLimits()) -> [String] {
    examineStack(headers, limits: limits).refusalCodes
}

@Suite("Examining a stack")
struct StackTests {
    @Test("a whole stack is accepted, in any order of the files")
    func accepted() throws {
        let examination = examineStack(try stack().shuffled())
        #expect(examination.findings.isEmpty)
        #expect(examination.extentIsProvable)
        #expect(examination.slices.map(\.instanceNumber) == Array(1...12))
        #expect(examination.geometry?.spacing == Vector3(1.26, 1.25, 3))
    }

    @Test("numbering against the normal does not turn the stack")
    func reversedNumbers() throws {
        var headers = try stack()
        for k in headers.indices { headers[k].instanceNumber = 12 - k }
        let examination = examineStack(headers)
        #expect(examination.findings.isEmpty)
        #expect(examination.slices.first?.position.z == 100)
    }

    @Test("a series with a missing slice is refused and names the gap")
    func missingSlice() throws {
        var headers = try stack()
        for k in headers.indices { headers[k].imagesInAcquisition = nil }
        headers.removeSubrange(5...6)
        let examination = examineStack(headers)
        let finding = try #require(examination.refusals.first)
        #expect(examination.refusalCodes == ["E_MISSING_SLICE"])
        #expect(finding.message == "2 slices are missing.")
        #expect(finding.sliceDetails == ["2 missing between slice 5 at 112 mm and slice 8 at 121 mm"])
        #expect(examination.gaps.map(\.missingSlices) == [2])
    }

    @Test("two slices at one position are refused and named")
    func repeatedPosition() throws {
        var headers = try stack()
        var twin = headers[4]
        twin.sopInstanceUID = "1.2.3.99"
        twin.instanceNumber = 99
        headers.append(twin)
        let examination = examineStack(headers)
        #expect(examination.refusalCodes.contains("E_REPEATED_POSITION"))
        #expect(examination.refusals.flatMap(\.sliceDetails).contains("slice 5 at 112 mm and slice 99 at 112 mm"))
    }

    @Test("the same file twice counts once; another file with its UID is a conflict")
    func repeatedInstance() throws {
        var headers = try stack()
        var copy = headers[4]
        copy.transferSyntaxUID = TransferSyntax.rleLossless.uid
        headers.append(copy)
        #expect(examineStack(headers).codes == ["W_REPEATED_INSTANCES"])
        headers[12].frames[0].position?.z += 1
        #expect(refusals(headers) == ["E_CONFLICTING_INSTANCES"])
    }

    @Test("a tilted gantry is recognised by the slice vector")
    func gantryTilt() throws {
        var headers = try stack()
        let (sine, cosine) = (sin(10 * Double.pi / 180), cos(10 * Double.pi / 180))
        for k in headers.indices { headers[k].frames[0].columnDirection = Vector3(0, cosine, -sine) }
        #expect(refusals(headers) == ["E_GANTRY_TILT"])
    }

    @Test("an oblique stack along its own normal is accepted")
    func oblique() throws {
        var headers = try stack()
        let row = Vector3(0.8, 0.6, 0)
        let column = Vector3(-0.36, 0.48, -0.8)
        let normal = cross(row, column)
        for k in headers.indices {
            headers[k].frames[0].rowDirection = row
            headers[k].frames[0].columnDirection = column
            headers[k].frames[0].position = PatientPoint(Vector3(1, 2, 3) + normal * (3 * Double(k)))
        }
        #expect(examineStack(headers).findings.isEmpty)
    }

    @Test("a tilt in the header of a straight stack is refused, unless the images are derived")
    func tiltAttribute() throws {
        var headers = try stack()
        for k in headers.indices { headers[k].gantryTilt = 12 }
        #expect(refusals(headers) == ["E_GANTRY_TILT"])
        for k in headers.indices { headers[k].imageType[0] = "DERIVED" }
        #expect(examineStack(headers).codes == ["W_TILT_CORRECTED"])
    }

    @Test("what is no CT in grey values and HU with a place in space is refused with its own code")
    func attributes() throws {
        let cases: [(String, (inout InstanceHeader) -> Void)] = [
            ("E_NOT_CT", { $0.modality = "MR" }),
            ("E_LOCALIZER", { $0.imageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"] }),
            ("E_NOT_GRAYSCALE", { $0.photometricInterpretation = "MONOCHROME1" }),
            ("E_NOT_GRAYSCALE", { $0.samplesPerPixel = 3 }),
            ("E_NO_FRAME_OF_REFERENCE", { $0.frameOfReferenceUID = nil }),
            ("E_SEVERAL_FRAMES_OF_REFERENCE", { $0.frameOfReferenceUID = "1.9" }),
            ("E_SEVERAL_SERIES", { $0.seriesInstanceUID = "1.9" }),
            ("E_NOT_HU", { $0.frames[0].rescaleSlope = nil }),
            ("E_NOT_HU", { $0.frames[0].rescaleSlope = 0 }),
            ("E_NOT_HU", { $0.frames[0].rescaleIntercept = nil }),
            ("E_NOT_HU", { $0.frames[0].rescaleType = "US" }),
            ("E_NOT_HU", { $0.hasModalityLUT = true }),
            ("E_NOT_HU", { $0.imageType = ["DERIVED", "PRIMARY", "PERFUSION"] }),
            ("E_NO_GEOMETRY", { $0.frames[0].position = nil }),
            ("E_NO_GEOMETRY", { $0.frames[0].rowDirection = nil }),
            ("E_NO_GEOMETRY", { $0.frames[0].pixelSpacing = nil }),
            ("E_MIXED_GRID", { $0.rows = 80 }),
        ]
        for (code, change) in cases {
            var headers = try stack()
            change(&headers[3])
            #expect(refusals(headers).contains(code))
        }
        var headers = try stack()
        for (index, time) in zip(headers.indices, [1, 1, 2, 2]) { headers[index].temporalPositionIdentifier = time }
        #expect(refusals(headers) == ["E_SEVERAL_TIMES"])
    }

    @Test("what stands in place of a term that DICOM defines is not repeated, as it may be a name")
    func undefinedTerms() throws {
        let changes: [(inout InstanceHeader) -> Void] = [
            { $0.modality = "MUSTERMANN" }, { $0.photometricInterpretation = "MUSTERMANN" },
            { $0.frames[0].rescaleType = "MUSTERMANN" },
        ]
        for change in changes {
            var headers = try stack()
            change(&headers[3])
            let findings = examineStack(headers).findings
            #expect(!findings.isEmpty)
            #expect(!"\(findings)".contains("MUSTERMANN"))
        }
        var headers = try stack()
        headers[3].frames[0].rescaleType = "US"
        #expect(examineStack(headers).findings.contains { $0.message.contains("are in US (Rescale Type)") })
    }

    @Test("no image at all is refused")
    func empty() {
        #expect(examineStack([]).refusalCodes == ["E_NO_IMAGES"])
    }
}

@Suite("The extent of a stack")
struct ExtentTests {
    private func unnumbered(_ count: Int = 12) throws -> [InstanceHeader] {
        try stack(count).map { header in
            var header = header
            header.imagesInAcquisition = nil
            return header
        }
    }

    @Test("where the headers count nothing, the extent is not provable")
    func notProvable() throws {
        let examination = examineStack(try unnumbered())
        #expect(examination.codes == ["W_EXTENT_NOT_PROVABLE"])
        #expect(!examination.extentIsProvable)
    }

    @Test("Images in Acquisition reveals a missing last slice")
    func imagesInAcquisition() throws {
        let examination = examineStack(Array(try stack().dropLast()))
        #expect(examination.refusalCodes == ["E_MISSING_END_SLICES"])
        #expect(examination.refusals[0].sliceDetails == ["Images in Acquisition 1 promises 12, 11 are here"])
        #expect(examination.promisedSlices == 1)
    }

    @Test("Number of Series Related Instances counts the whole Series, not one stack")
    func seriesInstances() throws {
        var headers = try unnumbered()
        for k in headers.indices { headers[k].numberOfSeriesRelatedInstances = 14 }
        #expect(refusals(headers) == ["E_MISSING_END_SLICES"])
        #expect(examineStack(headers, seriesInstanceCount: 14).extentIsProvable)
    }

    @Test("Instance Numbers that begin later reveal missing slices, and at which end")
    func leadingNumbers() throws {
        let examination = examineStack(Array(try unnumbered(14).dropFirst(2)))
        #expect(examination.refusalCodes == ["E_MISSING_END_SLICES"])
        #expect(
            examination.refusals[0].sliceDetails == [
                "the Instance Numbers begin at 3: missing 2 slices below slice 3 at 106 mm"
            ]
        )
    }

    @Test(
        "an even stack whose Instance Numbers leave out every second or third one is to be looked at",
        arguments: [2, 3]
    )
    func skippedNumbers(step: Int) throws {
        let whole = try unnumbered(36)
        var headers = whole.enumerated().filter { $0.offset % step == 1 }.map(\.element)
        let examination = examineStack(headers)
        #expect(examination.codes == ["W_SKIPPED_NUMBERS"])
        #expect(!examination.extentIsProvable)
        #expect(examination.findings[0].sliceDetails.count == 1)
        for k in headers.indices { headers[k].frames[0].spacingBetweenSlices = 3 }
        #expect(
            examineStack(headers).findings[0].sliceDetails.last
                == "Spacing Between Slices says 3 mm, they lie \(3 * step) mm apart"
        )
        #expect(examineStack(headers.reversed()).codes == ["W_SKIPPED_NUMBERS"])
    }

    @Test(
        "numbers that are all there, that skip here and there, or that a count of the headers confirms say nothing of the kind"
    )
    func keptNumbers() throws {
        #expect(examineStack(try unnumbered(12)).codes == ["W_EXTENT_NOT_PROVABLE"])
        var uneven = try unnumbered(12)
        for k in uneven.indices { uneven[k].instanceNumber = 2 * k + (k > 5 ? 2 : 1) }
        #expect(examineStack(uneven).codes == ["W_EXTENT_NOT_PROVABLE"])
        var counted = try stack(12)
        for k in counted.indices { counted[k].instanceNumber = 2 * k + 1 }
        #expect(examineStack(counted).extentIsProvable && examineStack(counted).codes.isEmpty)
    }

    @Test("numbering that continues from another series is no proof of missing slices")
    func continuedNumbering() throws {
        var limits = AdmissionLimits()
        let inside = Array(try unnumbered(22).dropFirst(limits.maximumMissingLeadingNumbers))
        let outside = Array(try unnumbered(23).dropFirst(limits.maximumMissingLeadingNumbers + 1))
        #expect(refusals(inside) == ["E_MISSING_END_SLICES"])
        #expect(examineStack(outside).codes == ["W_EXTENT_NOT_PROVABLE"])
        limits.maximumMissingLeadingNumbers = 0
        #expect(refusals(inside, limits).isEmpty)
    }

    @Test("unkept counts are a warning where the limits say so")
    func warningOnly() throws {
        var limits = AdmissionLimits()
        limits.refuseUnkeptCounts = false
        let examination = examineStack(Array(try stack().dropLast()), limits: limits)
        #expect(examination.codes == ["W_MISSING_END_SLICES"])
        #expect(!examination.extentIsProvable)
    }

    @Test("a promise that a gap breaks says nothing about the ends; what lacks beyond the gap does")
    func gapBreaksPromise() throws {
        var promising = try stack()
        for k in promising.indices { promising[k].imagesInAcquisition = promising.count }
        let gap = promising.enumerated().filter { ![5, 6].contains($0.offset) }.map(\.element)
        let examination = examineStack(gap)
        #expect(examination.codes == ["E_MISSING_SLICE"])
        #expect(examination.extentIsProvable)
        #expect(examineStack(Array(gap.dropLast())).codes == ["E_MISSING_SLICE", "E_MISSING_END_SLICES"])
    }
}

@Suite("Dividing a Series into stacks")
struct StackKeyTests {
    @Test("acquisitions that continue each other stay together")
    func continuingAcquisitions() throws {
        var headers = try stack()
        for k in 6..<12 { headers[k].acquisitionNumber = 2 }
        #expect(stacks(of: headers).map(\.indices) == [Array(0..<12)])
    }

    @Test("acquisitions that repeat positions are divided")
    func repeatedAcquisitions() throws {
        let first = try stack()
        let second = first.map { header in
            var header = header
            header.acquisitionNumber = 2
            header.sopInstanceUID += ".2"
            return header
        }
        let divided = stacks(of: first + second)
        #expect(divided.map(\.indices) == [Array(0..<12), Array(12..<24)])
        #expect(divided.map(\.key.part) == ["acquisition 1", "acquisition 2"])
    }

    @Test("two kernels in one Series are divided")
    func kernels() throws {
        let first = try stack()
        let second = first.map { header in
            var header = header
            header.convolutionKernel = "LUNG"
            header.sopInstanceUID += ".2"
            return header
        }
        #expect(stacks(of: first + second).map(\.indices.count) == [12, 12])
    }

    @Test("a part is told by its number, its attributes, and those that divided the Series")
    func parts() throws {
        let first = try stack()
        typealias Change = (inout InstanceHeader) -> Void
        let changes: [(String, String, Change)] = [
            ("Acquisition Number", "2", { $0.acquisitionNumber = 2 }),
            ("Convolution Kernel", "LUNG", { $0.convolutionKernel = "LUNG" }),
            ("Image Type", "DERIVED\\SECONDARY\\AXIAL", { $0.imageType = ["DERIVED", "SECONDARY", "AXIAL"] }),
            ("Temporal Position Identifier", "2", { $0.temporalPositionIdentifier = 2 }),
            ("Frame of Reference UID", "1.9", { $0.frameOfReferenceUID = "1.9" }),
            (
                "Image Orientation (Patient)", "1\\0\\0\\0\\0\\-1",
                { $0.frames[0].columnDirection = Vector3(0, 0, -1) }
            ),
            ("Rows", "80", { $0.rows = 80 }),
            ("Pixel Spacing", "2\\1.26", { $0.frames[0].pixelSpacing?.betweenRows = 2 }),
        ]
        for (name, value, change) in changes {
            let second = first.map { header in
                var header = header
                header.sopInstanceUID += ".2"
                change(&header)
                return header
            }
            var localizer = first[0]
            localizer.sopInstanceUID += ".3"
            localizer.imageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            let headers = first + second + [localizer]
            let parts = stackParts(of: stacks(of: headers), headers: headers)
            #expect(parts.map { $0?.number } == [1, 2, nil] && parts[1]?.count == 2, "\(name)")
            #expect(parts[1]?.attributes.filter(\.divides).map(\.name) == [name])
            #expect(parts[1]?.attributes.first { $0.name == name }?.value == value)
            let told = Set(parts[0]?.attributes.map(\.name) ?? [])
            #expect(
                told.isSuperset(of: ["Image Orientation (Patient)", "Image Type", "Frame of Reference UID"]),
                "\(name): \(told)"
            )
        }
        #expect(stackParts(of: stacks(of: first), headers: first) == [nil])
    }

    @Test("localizers, orientations, grids, frames of reference and times are kept apart")
    func keys() throws {
        let header = try stack()[0]
        let changes: [(inout InstanceHeader) -> Void] = [
            { $0.imageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"] },
            { $0.frames[0].columnDirection = Vector3(0, 0, -1) },
            { $0.rows = 80 }, { $0.frames[0].pixelSpacing?.betweenRows = 2 }, { $0.frameOfReferenceUID = "1.9" },
            { $0.temporalPositionIdentifier = 2 }, { $0.seriesInstanceUID = "1.9" },
        ]
        for change in changes {
            var other = header
            change(&other)
            #expect(stackKey(for: header) != stackKey(for: other))
        }
        var noise = header
        noise.frames[0].rowDirection = Vector3(0.9999999, 0.0000004, -0.0000003)
        #expect(stackKey(for: header) == stackKey(for: noise))
    }
}
