import Foundation

/// A moment as DICOM's DA and TM, in the local time zone of this machine (PS3.5 section 6.2).
struct DicomMoment {
    let date: String
    let time: String

    init(_ moment: Date, timeZone: TimeZone = .current) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: moment)
        func padded(_ value: Int?, _ width: Int) -> String {
            let digits = String(value ?? 0)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        date = padded(parts.year, 4) + padded(parts.month, 2) + padded(parts.day, 2)
        time = padded(parts.hour, 2) + padded(parts.minute, 2) + padded(parts.second, 2)
    }
}
