import Daemon
import Foundation
import Glibc
import Pipeline
import Platform
import Store
import Testing

@Suite("Files that somebody can still write to", .enabled(if: TestService.program != nil, "contourd is not built"))
struct ChangedFileTests {
    private let series: TestSeries
    private let service: TestService

    init() throws {
        series = try TestSeries()
        service = try TestService {
            $0.series.quietSeconds = 1.5
            $0.series.incompleteAfterSeconds = 60
        }
    }

    @Test("A file that a program had opened before the service started is taken when that program closes it")
    func openBefore() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: series.files[4]))
        try series.drop([0, 1, 2, 3, 5, 6, 7, 8], into: service.inbox)
        let path = service.inbox + "/stalled"
        // As a sender that reserves room first: it can be read to its end, and pixels are not there yet.
        var half = whole
        half.replaceSubrange((whole.count / 2)..., with: Data(count: whole.count - whole.count / 2))
        try half.write(to: URL(fileURLWithPath: path))
        let writer = open(path, O_WRONLY | O_CLOEXEC)
        let start = ContinuousClock.now
        var isClosed = false
        try service.runIntake(until: {
            if !isClosed, start.duration(to: .now) > .seconds(2) {
                #expect(Directory.exists(path), "taken while it was open")
                #expect(try images().count == 8)
                whole.withUnsafeBytes { _ = pwrite(writer, $0.baseAddress, $0.count, 0) }
                close(writer)
                isClosed = true
            }
            return try images().count == 9
        })
        #expect(isClosed)
        let taken = try images().map { try SHA256Digest.hex(ofFile: $0.storedPath ?? "") }
        #expect(try taken.sorted() == series.files.map { try SHA256Digest.hex(ofFile: $0) }.sorted())
    }

    @Test("Writing through another name of a file does not reach what was taken")
    func hardLink() throws {
        try series.drop(into: service.inbox)
        let other = service.folder.path + "/other"
        link(service.inbox + "/IM4", other)
        try service.runIntake(until: { try images().count == 9 })
        let handle = try #require(FileHandle(forWritingAtPath: other))
        try handle.write(contentsOf: Data(repeating: 0, count: 4000))
        try handle.close()
        for image in try images() { #expect(try SHA256Digest.hex(ofFile: image.storedPath ?? "") == image.digest) }
    }

    @Test("A series waits for a file of its own that is still open, says for which, and reads again what was written")
    func openAfter() throws {
        var writer: Int32 = -1, isClosed = false
        var number: Int64 = 0
        try series.drop(into: service.inbox)
        try service.runIntake(until: {
            if writer < 0, let image = try images().first, try images().count == 9 {
                number = image.number
                // A program that opened it before it was renamed writes to the file that we hold.
                writer = open(image.storedPath ?? "", O_WRONLY | O_CLOEXEC)
                flip(writer, at: -1)
            }
            // Once: its number may be another file's then.
            if !isClosed, let reason = try record()?.waitingFor,
                reason.contains("file \(number) to be written to the end")
            {
                #expect(try runs().isEmpty)
                close(writer)
                isClosed = true
            }
            return try runs().count == 1
        })
        #expect(service.log.texts(.seriesWaiting).contains { $0.contains("file \(number) to be written") })
        #expect(
            service.log.texts(.fileChanged) == ["file \(number) was written to after it was taken; it was read again"]
        )
        try expectRunOfPresentBytes()
    }

    @Test("A file that was changed and cannot be used any more is set aside and told by its number, never contoured")
    func changedAndDamaged() throws {
        var settings = service.context.current
        settings.configuration.series.incompleteAfterSeconds = 3
        service.context.replace(settings)
        var number: Int64 = 0
        try series.drop(into: service.inbox)
        try service.runIntake(until: {
            if number == 0, let image = try images().last, try images().count == 9 {
                number = image.number
                truncate(image.storedPath ?? "", 3000)
            }
            return try runs().count == 1 && !Directory.list(service.context.state.quarantine).isEmpty
        })
        let request = try self.request()
        #expect(request.dicomFiles.count == 8 && !request.dicomFiles.contains { $0.hasSuffix("/\(number).dcm") })
        let told = try #require(service.log.texts(.fileQuarantined).first)
        #expect(told.contains("file \(number) was set aside in quarantine") && told.contains("E_TRUNCATED"))
        let untold = try #require(try service.store.untoldFiles().first)
        #expect(untold.number == number && untold.code == "E_FILE_CHANGED")
        #expect(untold.reason?.contains("Send it again") == true)
    }

    @Test("A program that never closes its file does not keep a series for ever: the file is set aside")
    func neverClosed() throws {
        var settings = service.context.current
        settings.configuration.series.incompleteAfterSeconds = 3
        service.context.replace(settings)
        var writer: Int32 = -1
        try series.drop(into: service.inbox)
        try service.runIntake(until: {
            if writer < 0, let image = try images().last, try images().count == 9 {
                writer = open(image.storedPath ?? "", O_WRONLY | O_CLOEXEC)
            }
            return try runs().count == 1
        })
        close(writer)
        #expect(try request().dicomFiles.count == 8)
        #expect(try service.store.untoldFiles().first?.reason?.contains("still being written to") == true)
    }

    @Test("An image that is sent again takes the place of a stored one that was written to since")
    func sentAgain() throws {
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try runs().count == 1 })
        let changed = try #require(try images().first)
        truncate(changed.storedPath ?? "", 3000)
        let again = try service.restarted()
        try series.drop([0], into: again.inbox + "/again")
        try again.runIntake(until: { again.log.texts(.seriesSealed).count == 1 })
        let now = try again.store.instances(ofSeries: changed.seriesNumber ?? 0)
        #expect(now.count { $0.state == .image } == 9)
        for image in now where image.state == .image {
            #expect(try SHA256Digest.hex(ofFile: image.storedPath ?? "") == image.digest)
        }
        #expect(now.first { $0.number == changed.number }?.code == "E_FILE_CHANGED")
        #expect(try again.store.untoldFiles().isEmpty, "who sent it again needs no notice")
    }

    /// Changes one byte; a negative place counts from the end.
    private func flip(_ file: Int32, at place: off_t) {
        var status = stat()
        fstat(file, &status)
        var byte: UInt8 = 0x5A
        #expect(pwrite(file, &byte, 1, place < 0 ? status.st_size + place : place) == 1)
    }

    private func expectRunOfPresentBytes() throws {
        let request = try self.request()
        let digests = try #require(request.fileDigests)
        #expect(digests.count == 9 && request.dicomFiles.count == 9)
        for (path, digest) in digests { #expect(try SHA256Digest.hex(ofFile: path) == digest) }
    }

    private func request() throws -> RunRequest {
        try RunJSON.decode(RunRequest.self, from: Data(try #require(try runs().first).request.utf8))
    }

    private func record() throws -> SeriesRecord? { try service.store.series(seriesInstanceUID: series.uid) }

    private func images() throws -> [InstanceRecord] {
        try record().map { try service.store.instances(ofSeries: $0.number).filter { $0.state == .image } } ?? []
    }

    private func runs() throws -> [RunRecord] {
        try record().map { try service.store.runs(ofSeries: $0.number) } ?? []
    }
}
