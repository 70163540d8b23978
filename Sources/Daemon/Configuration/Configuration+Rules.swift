import Foundation
import Platform

extension Configuration {
    /// The first value that cannot be used, by its dotted key.
    func firstProblem() -> (key: String, message: String)? {
        let rules: [(Bool, String, String)] =
            [
                (folders.state.hasPrefix("/"), "folders.state", "an absolute path"),
                (folders.inbox.hasPrefix("/"), "folders.inbox", "an absolute path"),
                (folders.outbox.hasPrefix("/"), "folders.outbox", "an absolute path"),
                (!isInside(folders.outbox, folders.inbox), "folders.outbox", "outside of the inbox"),
                (!isInside(folders.inbox, folders.outbox), "folders.inbox", "outside of the outbox"),
                (!isInside(folders.state, folders.inbox), "folders.state", "outside of the inbox"),
                (!isInside(folders.state, folders.outbox), "folders.state", "outside of the outbox"),
                (!isUsedByState(folders.inbox), "folders.inbox", "outside of the state folder's own folders"),
                (!isUsedByState(folders.outbox), "folders.outbox", "outside of the state folder's own folders"),
                ((0.1...3600).contains(inbox.settleSeconds), "inbox.settle_seconds", "0.1 to 3600"),
                ((1...86400).contains(inbox.scanSeconds), "inbox.scan_seconds", "1 to 86400"),
                ((0.1...3600).contains(inbox.pollSeconds), "inbox.poll_seconds", "0.1 to 3600"),
                ((0...86400).contains(inbox.truncatedAfterSeconds), "inbox.truncated_after_seconds", "0 to 86400"),
                ((0.1...86400).contains(series.quietSeconds), "series.quiet_seconds", "0.1 to 86400"),
                (
                    series.quietSeconds <= series.incompleteAfterSeconds
                        || series.incompleteAfterSeconds != Series().incompleteAfterSeconds, "series.quiet_seconds",
                    "at most series.incomplete_after_seconds, which is \(series.incompleteAfterSeconds)"
                ),
                (
                    series.incompleteAfterSeconds >= series.quietSeconds && series.incompleteAfterSeconds <= 2_592_000,
                    "series.incomplete_after_seconds", "at least series.quiet_seconds, at most 2592000 (30 days)"
                ),
                (
                    isUsableMarker(series.marker), "series.marker",
                    "a file name, or an ending, of at least 3 characters that no image has"
                ),
                (!models.names.isEmpty, "models.names", "at least one model"),
                (Set(models.names).count == models.names.count, "models.names", "each model once"),
                (isUsableName(outbox.name), "outbox.name", "a folder name with {series} in it and no /"),
                (
                    longestName(outbox.name) <= 200, "outbox.name",
                    "a name of at most 200 bytes with the longest UID (64 characters) and model in it"
                ),
                (
                    !mimicsContourd(outbox.name), "outbox.name",
                    "a name that does not end as contourd's own do: .refused, .evaluation-1, .partial, .work, -r2, -s1, -localizer"
                ),
                (
                    models.names.count == 1 || outbox.name.contains("{model}"), "outbox.name",
                    "a name with {model} in it, because there are several models"
                ),
                ((0...10_000_000).contains(outbox.minimumFreeMB), "outbox.minimum_free_mb", "0 to 10000000"),
                ((1...16).contains(work.workers), "work.workers", "1 to 16"),
                ((0...256).contains(work.threads), "work.threads", "0 to 256"),
                (
                    work.memoryLimitMB == 0 || work.memoryLimitMB >= 1024, "work.memory_limit_mb", "0 or at least 1024"
                ),
                ((256...1_048_576).contains(work.memoryBudgetMB), "work.memory_budget_mb", "256 to 1048576"),
                ((10...86400).contains(work.stallSeconds), "work.stall_seconds", "10 to 86400"),
                ((0...36_500).contains(work.keepPixelsDays), "work.keep_pixels_days", "0 to 36500"),
                (
                    work.keepLabelMapsDays == 0
                        || work.keepLabelMapsDays > 0 && work.keepLabelMapsDays >= work.keepPixelsDays,
                    "work.keep_label_maps_days", "0 (for good) or at least work.keep_pixels_days"
                ),
                ((1...100).contains(retry.maximumAttempts), "retry.maximum_attempts", "1 to 100"),
                ((1...100).contains(retry.maximumCrashes), "retry.maximum_crashes", "1 to 100"),
                ((0...3600).contains(retry.firstDelaySeconds), "retry.first_delay_seconds", "0 to 3600"),
                ((0...86400).contains(retry.longestDelaySeconds), "retry.longest_delay_seconds", "0 to 86400"),
                (control.socket.hasPrefix("/"), "control.socket", "an absolute path"),
                // The address of a socket has 108 bytes (unix(7)).
                (control.socket.utf8.count < 100, "control.socket", "shorter than 100 bytes"),
                ((0.9...1).contains(export.minimumRoundTripDice), "export.minimum_round_trip_dice", "0.9 to 1"),
                (
                    !export.tolerancesMM.isEmpty && export.tolerancesMM.allSatisfy { $0 >= 0.001 && $0 <= 100 },
                    "export.tolerances_mm", "at least one, all 0.001 to 100"
                ),
            ] + admissionRules
        return rules.first { !$0.0 }.map { ($0.1, "must be \($0.2)") }
    }

    private func isInside(_ path: String, _ folder: String) -> Bool {
        let (path, folder) = (standardized(path), standardized(folder))
        return path == folder || path.hasPrefix(folder == "/" ? folder : folder + "/")
    }

    private func isUsedByState(_ path: String) -> Bool {
        let state = StateFolder(path: standardized(folders.state))
        return isInside(path, state.work) || isInside(path, state.quarantine)
    }

    private func standardized(_ path: String) -> String { (path as NSString).standardizingPath }

    private func isUsableName(_ name: String) -> Bool {
        let rest = ["{series}", "{model}"].reduce(name) { $0.replacingOccurrences(of: $1, with: "") }
        return name.contains("{series}") && !rest.contains { "/{}".contains($0) } && !name.hasPrefix(".")
            && name.utf8.count < 120 && !rest.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// Bytes of a result's name, without what contourd itself puts before and behind it.
    private func longestName(_ name: String) -> Int {
        let model = models.names.max { $0.utf8.count < $1.utf8.count } ?? ""
        return name.replacingOccurrences(of: "{series}", with: String(repeating: "9", count: 64))
            .replacingOccurrences(of: "{model}", with: model).utf8.count
    }

    /// An ending that images have would speak for their folder while they still come.
    private func isUsableMarker(_ marker: String) -> Bool {
        let ending = marker.lowercased().split(separator: ".").last ?? ""
        return marker.count >= 3 && !marker.contains("/") && ending.contains(where: \.isLetter)
            && !["dcm", "dicom", "dic", "ima", "img", "image"].contains(ending)
    }

    /// Whether a result of this name would look like a refusal, or like a later revision of another.
    private func mimicsContourd(_ name: String) -> Bool {
        name.contains(#/(\.refused|\.evaluation-[0-9]+|\.partial|\.work|-[rs][0-9]+|-localizer)$/#)
    }
}
