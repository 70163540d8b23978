import Daemon
import Dicom
import Foundation
import Imaging
import Pipeline
import Store
import Testing

@Suite("Completeness")
struct CompletenessTests {
    private let headers: [InstanceHeader]

    init() throws {
        let series = try TestSeries(slices: 10)
        headers = try withExtendedLifetime(series) { try series.files.map { try InstanceHeader(contentsOf: $0) } }
    }

    private func sealed(_ headers: [InstanceHeader]) throws -> SealedStacks {
        let service = try TestService()
        for (index, header) in headers.enumerated() {
            let instance = try service.store.beginParsing(inboxPath: "/inbox/\(index)", snapshot: "1")
            _ = try service.store.beginTaking(
                instance.number,
                seriesInstanceUID: header.seriesInstanceUID,
                sopInstanceUID: header.sopInstanceUID,
                header: String(decoding: try JSONEncoder().encode(header), as: UTF8.self),
                digest: "d"
            ) { _ in "/work/\(index)" }
            _ = try service.store.finishTaking(
                image: instance.number,
                settingAside: .init(service.context.state, series: 1)
            )
        }
        let records = try service.store.instances(ofSeries: 1)
        return try SealedStacks(records, limits: AdmissionLimits())
    }

    @Test("A whole series lacks nothing, in whatever order its images came")
    func whole() throws {
        let stacks = try sealed(headers.shuffled())
        #expect(stacks.missing == nil)
        #expect(stacks.stacks.map(\.instances.count) == [10])
        #expect(stacks.stacks.map(\.name) == [headers[0].seriesInstanceUID])
    }

    @Test("A gap is told by the images beside it")
    func gap() throws {
        #expect(
            try sealed(headers.enumerated().filter { $0.offset != 5 }.map(\.element)).missing
                == "missing slices between images 5 and 7"
        )
    }

    @Test("Images that the headers promise are waited for")
    func promise() throws {
        let promising = headers.map { header in
            var header = header
            header.imagesInAcquisition = 12
            return header
        }
        #expect(try sealed(promising).missing?.contains("2 images that the headers promise") == true)
    }

    @Test("Slices that came in no order and with most still missing are waited for")
    func mostMissing() throws {
        let scattered = [0, 2, 3, 6, 9].map { place in
            var header = headers[place]
            header.imagesInAcquisition = nil
            return header
        }
        #expect(try sealed(scattered).missing == "missing slices between images 1 and 3")
    }

    @Test("Parts of a multi-frame image are waited for")
    func parts() throws {
        var part = headers[0]
        part.sopClassUID = SOPClass.enhancedCTImage
        part.frames = headers.map(\.frames[0])
        // As the store keeps it.
        let kept = Data(#"{"uid": "1.2.3", "number": 1, "total": 3}"#.utf8)
        part.concatenation = try JSONDecoder().decode(Concatenation.self, from: kept)
        #expect(try sealed([part]).missing == "2 parts of a multi-frame image")
        part.concatenation = nil
        #expect(try sealed([part]).missing == nil)
    }

    @Test("A localizer beside a scan is set aside; alone it stays, to be refused with that reason")
    func localizer() throws {
        var localizer = headers[0]
        localizer.imageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        localizer.sopInstanceUID += ".9"
        #expect(try sealed(headers + [localizer]).stacks.map(\.instances.count) == [10])
        #expect(try sealed([localizer]).stacks.count == 1)
    }

    @Test("Parts are numbered by their place in the acquisition, in whatever order files come, as contourctl run does")
    func numbering() throws {
        let late = headers.map { header in
            var header = header
            (header.acquisitionNumber, header.columns) = (2, 128)
            header.sopInstanceUID += ".2"
            return header
        }
        let early = headers.map { header in
            var header = header
            header.acquisitionNumber = 1
            return header
        }
        for files in [early + late, late + early, (early + late).shuffled()] {
            let stacks = try sealed(files).stacks
            #expect(stacks.map(\.name) == [1, 2].map { "\(headers[0].seriesInstanceUID)-s\($0)" })
            #expect(stacks.map { $0.headers[0].columns } == [headers[0].columns, 128])
            #expect(stacks.map { $0.part?.number } == [1, 2])
            let direct = Dicom.stacks(of: files)
            #expect(direct.indices.map { stackName(of: $0, among: direct.map(\.key)) } == stacks.map(\.name))
            #expect(direct.map { $0.key.columns } == stacks.map { $0.headers[0].columns })
        }
    }

    @Test("Two patients in one series are refused also where it is divided")
    func patients() throws {
        let other = headers.map { header in
            var header = header
            header.frameOfReferenceUID = "1.2.3"
            header.sopInstanceUID += ".2"
            return header
        }
        #expect(try sealed(headers + other).stacks.allSatisfy { $0.identities.isEmpty })
        let strangers = other.map { header in
            var header = header
            header.identityMark = "other"
            return header
        }
        let stacks = try sealed(headers + strangers).stacks
        #expect(stacks.map { $0.identities.map(\.code) } == [["E_SEVERAL_PATIENTS"], ["E_SEVERAL_PATIENTS"]])
    }

    @Test("What is not one stack is divided: another pixel grid, another frame of reference, another acquisition")
    func division() throws {
        for change: (inout InstanceHeader) -> Void in [
            { $0.columns = 128 }, { $0.frameOfReferenceUID = "1.2.3" }, { $0.temporalPositionIdentifier = 2 },
        ] {
            let other = headers.map { header in
                var header = header
                change(&header)
                header.sopInstanceUID += ".2"
                return header
            }
            let stacks = try sealed(headers + other).stacks
            #expect(stacks.map(\.instances.count) == [10, 10])
            #expect(stacks.map(\.name) == [1, 2].map { "\(headers[0].seriesInstanceUID)-s\($0)" })
            #expect(stacks.map(\.seriesInstanceCount) == [20, 20])
        }
    }
}
