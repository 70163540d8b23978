import Daemon
import Dicom
import Foundation
import Glibc
import Pipeline
import Platform
import Report
import Store
import Synchronization
import Testing

@Suite("Files that may be missing in a series", .enabled(if: TestService.program != nil, "contourd is not built"))
struct UnreadFileTests {
    @Test("A truncated last slice is missed: the series waits for it, and is whole when it comes")
    func truncatedEnd() throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 600 }
        let series = try TestSeries(promises: false)
        try series.drop(0..<8, into: service.inbox + "/a")
        try write(try bytes(series, 8).dropLast(1000), to: service.inbox + "/a/last")
        var isSent = false
        try service.runIntake(until: {
            let told = service.log.texts(.seriesWaiting)
            if !isSent, told.contains(where: { $0.contains("1 image (9) that could not be read; refused after 600 s") })
            {
                #expect(try service.runs(of: series).isEmpty)
                try series.drop([8], into: service.inbox + "/b")
                isSent = true
            }
            return try service.runs(of: series).count == 1
        })
        let run = try #require(try service.runs(of: series).first)
        #expect(try request(run).refusals == [] && request(run).dicomFiles.count == 9)
    }

    @Test("Without its truncated last slice a series is refused after the time, by number")
    func refused() throws {
        let service = try TestService(), series = try TestSeries(promises: false)
        try series.drop(0..<8, into: service.inbox + "/a")
        try write(try bytes(series, 8).dropLast(1000), to: service.inbox + "/a/last")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let request = try request(try #require(try service.runs(of: series).first))
        #expect(request.refusals?.map(\.code) == ["E_DAMAGED_IMAGES"])
        #expect(request.refusals?.first?.sliceDetails.first?.hasPrefix("image 9: file ") == true)
        #expect(request.refusals?.first?.sliceDetails.first?.hasSuffix("E_TRUNCATED") == true)
        #expect(service.log.texts(.seriesSealed).first?.contains("although it is not complete") == true)
    }

    @Test("A marker does not make a damaged image whole")
    func marker() throws {
        let service = try TestService {
            $0.series.quietSeconds = 600; $0.series.incompleteAfterSeconds = 600
        }
        let series = try TestSeries(promises: false)
        try series.drop(0..<8, into: service.inbox + "/a")
        try write(try bytes(series, 8).dropLast(1000), to: service.inbox + "/a/last")
        try write(Data(), to: service.inbox + "/a/.done")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try request(try #require(service.runs(of: series).first)).refusals?.map(\.code) == ["E_DAMAGED_IMAGES"])
    }

    @Test("A file damaged before it says whose it is, or without a usable name, is a finding to look at, and is told")
    func unknown() throws {
        let service = try TestService(), series = try TestSeries(promises: false)
        try series.drop(0..<7, into: service.inbox + "/a")
        try write(try bytes(series, 7).prefix(400), to: service.inbox + "/a/cut")
        let name = Array((service.inbox + "/a/Sch").utf8) + [0xE4, 0]
        let source = try bytes(series, 8)
        let descriptor = name.withUnsafeBytes { bytes in
            open(bytes.bindMemory(to: CChar.self).baseAddress!, O_CREAT | O_WRONLY, 0o644)
        }
        #expect(source.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) } == source.count)
        close(descriptor)
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let request = try request(try #require(service.runs(of: series).first))
        #expect(request.refusals == [])
        let finding = try #require(request.dropFindings?.first)
        #expect(finding.code == "W_FILES_NOT_READ" && finding.severity == .review)
        #expect(finding.message.hasPrefix("2 files came with the images"))
        #expect(finding.details.map { $0.split(separator: " ").last } == ["E_TRUNCATED", "E_NAME"])
        #expect(try Set(service.store.untoldFiles().map(\.code)) == ["E_TRUNCATED", "E_NAME"])
        let all = service.log.lines.flatMap { [$0.text] + $0.fields.values }.joined()
        #expect(!all.contains("Sch"))
    }

    @Test("A last slice that its writer holds open is waited for beyond the quiet time: one whole revision")
    func heldOpen() throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 60 }
        let series = try TestSeries(promises: false)
        let source = try bytes(series, 8), path = service.inbox + "/a/last"
        try Directory.create(service.inbox + "/a")
        let writer = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        try series.drop(0..<8, into: service.inbox + "/a")
        func append(_ data: Data) { data.withUnsafeBytes { _ = Glibc.write(writer, $0.baseAddress!, $0.count) } }
        var step = 0
        try service.runIntake(until: {
            if step == 0 {
                append(source.prefix(3000))
                step = 1
            }
            let told = service.log.texts(.seriesWaiting)
            if step == 1, told.contains(where: { $0.contains("to be written to the end") }) {
                #expect(try service.runs(of: series).isEmpty)
                append(source.dropFirst(3000))
                close(writer)
                step = 2
            }
            return try service.runs(of: series).count == 1
        })
        #expect(step == 2)
        #expect(try request(try #require(service.runs(of: series).first)).dicomFiles.count == 9)
        #expect(try request(try #require(service.runs(of: series).first)).dropFindings == [])
    }

    @Test("Junk, objects of other kinds and what lay there long ago are no reason to wait or to warn")
    func junk() throws {
        let hoursAgo = Mutex<Int64>(2)
        let service = try TestService(
            change: {
                $0.series.incompleteAfterSeconds = 600; $0.inbox.truncatedAfterSeconds = 0
            },
            now: { TestService.wallClock() - hoursAgo.withLock { $0 } * 3_600_000 }
        )
        let old = try service.store.beginParsing(inboxPath: service.inbox + "/a/old", snapshot: "1")
        try service.store.endInstance(old.number, as: .ignored, code: "E_PERMISSION", reason: "no")
        hoursAgo.withLock { $0 = 0 }
        let series = try TestSeries(promises: false)
        try write(Data("notes".utf8), to: service.inbox + "/a/notes.txt")
        let reference = try Data(contentsOf: URL(fileURLWithPath: series.reference))
        try write(reference.dropLast(500), to: service.inbox + "/a/rs")
        try write(try bytes(series, 0).prefix(300), to: service.inbox + "/other/patient/cut")
        try series.drop(into: service.inbox + "/a")
        let denied = try service.store.beginParsing(inboxPath: service.inbox + "/b/new", snapshot: "1")
        try service.store.endInstance(denied.number, as: .ignored, code: "E_PERMISSION", reason: "no")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try request(try #require(service.runs(of: series).first)).dropFindings == [])
        #expect(service.log.texts(.seriesWaiting).isEmpty)
    }

    @Test(
        "A file that holds nothing or no DICOM and is named like the images is waited for, then told; another one is a sign",
        arguments: [(Data(), "E_TOO_SHORT"), (Data(count: 4096), "E_NOT_DICOM")]
    )
    func empty(_ content: Data, _ code: String) throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 8 }
        let series = try TestSeries(promises: false)
        try Directory.create(service.inbox + "/a")
        for (index, file) in series.files.enumerated() {
            try FileManager.default.copyItem(atPath: file, toPath: "\(service.inbox)/a/IM\(index)")
        }
        try write(content, to: service.inbox + "/a/IM99")
        try write(content, to: service.inbox + "/a/COMPLETE")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(service.log.texts(.seriesWaiting).contains { $0.contains("1 file that came with its images") })
        let run = try #require(try service.runs(of: series).first)
        let finding = try #require(try request(run).dropFindings?.first)
        #expect(finding.code == "W_FILES_NOT_READ" && finding.severity == .review)
        #expect(finding.details.count == 1 && finding.details[0].hasSuffix(code))
        #expect(try Data(contentsOf: URL(fileURLWithPath: service.inbox + "/a/IM99")) == content)
    }

    @Test("An empty file, or reserved room, that becomes an image in the meantime is an image", arguments: [0, 4096])
    func emptyThatGrows(_ room: Int) throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 600 }
        let series = try TestSeries(promises: false)
        try Directory.create(service.inbox + "/a")
        for (index, file) in series.files.enumerated() where index < 8 {
            try FileManager.default.copyItem(atPath: file, toPath: "\(service.inbox)/a/IM\(index)")
        }
        try write(Data(count: room), to: service.inbox + "/a/IM8")
        var isSent = false
        try service.runIntake(until: {
            if !isSent, !service.log.texts(.seriesWaiting).isEmpty {
                #expect(try service.runs(of: series).isEmpty)
                try write(try bytes(series, 8), to: service.inbox + "/a/IM8")
                isSent = true
            }
            return try service.runs(of: series).count == 1
        })
        let request = try request(try #require(service.runs(of: series).first))
        #expect(isSent && request.dicomFiles.count == 9 && request.dropFindings == [])
    }

    @Test("A file that ends in its meta information is set aside after its time, and told", arguments: [140, 300])
    func cutMetaInformation(_ size: Int) throws {
        let service = try TestService(), series = try TestSeries(promises: false)
        try series.drop(0..<8, into: service.inbox + "/a")
        try write(try bytes(series, 8).prefix(size), to: service.inbox + "/a/cut")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let run = try #require(try service.runs(of: series).first)
        let finding = try #require(try request(run).dropFindings?.first)
        #expect(finding.code == "W_FILES_NOT_READ" && finding.details.map { $0.hasSuffix("E_TRUNCATED") } == [true])
    }

    @Test("A file beside the images that may not be read is waited for, then told in the report")
    func denied() throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 8 }
        let series = try TestSeries(promises: false)
        let file = try service.store.beginParsing(inboxPath: service.inbox + "/a/IM99", snapshot: "1")
        try service.store.endInstance(file.number, as: .ignored, code: "E_PERMISSION", reason: "no")
        try series.drop(into: service.inbox + "/a")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(service.log.texts(.seriesWaiting).contains { $0.contains("file \(file.number), to be readable") })
        let findings = try request(try #require(service.runs(of: series).first)).dropFindings
        #expect(findings?.map(\.details) == [["file \(file.number): E_PERMISSION"]])
    }

    @Test("An image that is named like a marker is an image; nothing of it is lost")
    func imageNamedLikeMarker() throws {
        let service = try TestService(), series = try TestSeries(promises: false)
        try Directory.create(service.inbox + "/a")
        for (index, file) in series.files.enumerated() {
            try FileManager.default.copyItem(atPath: file, toPath: "\(service.inbox)/a/CT.\(index).dcm.done")
        }
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try request(try #require(service.runs(of: series).first)).dicomFiles.count == 9)
    }

    @Test("Images with the SOP Instance UIDs of another series are a series of their own, with a finding")
    func reusedUIDs() throws {
        let service = try TestService(), series = try TestSeries(promises: false)
        try series.drop(into: service.inbox + "/a")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try request(try #require(service.runs(of: series).first)).dropFindings == [])
        let again = try service.restarted()
        let uid = series.uid + ".2"
        try Directory.create(again.inbox + "/b")
        for (index, path) in series.files.enumerated() {
            var file = try DicomFile(contentsOf: path)
            file.dataSet.set(.seriesInstanceUID, .UI, uid)
            try file.write(to: "\(again.inbox)/b/\(index)", transferSyntax: .explicitVRLittleEndian)
        }
        try again.runIntake(until: { try again.store.series(seriesInstanceUID: uid)?.state == "sealed" })
        let record = try #require(try again.store.series(seriesInstanceUID: uid))
        let request = try request(try #require(try again.store.runs(ofSeries: record.number).first))
        #expect(request.dicomFiles.count == 9)
        #expect(request.dropFindings?.map(\.code) == ["W_REUSED_UIDS"])
        #expect(try again.store.instances(in: .quarantined).isEmpty)
    }

    private func bytes(_ series: TestSeries, _ slice: Int) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: series.files[slice]))
    }

    private func write(_ data: Data, to path: String) throws {
        try Directory.create(Directory.parent(of: path))
        try data.write(to: URL(fileURLWithPath: path))
    }

    private func request(_ run: RunRecord) throws -> RunRequest {
        try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
    }
}
